import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublisher;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Sends requests that the gate refuses before their bodies have arrived, with java.net.http, and counts how many of the
 * answers were read. Its plan is lines of fields with tabs between them, because the JDK reads no JSON.
 */
public class Refused {
  private static final int PIECE_BYTES = 64 * 1024;

  /** Hands out one piece after each pause. */
  private static final class SlowBody extends InputStream {
    private final int pauseMs;
    private int left;

    SlowBody(int bytes, int pauseMs) {
      this.left = bytes;
      this.pauseMs = pauseMs;
    }

    @Override
    public int read() {
      throw new UnsupportedOperationException();
    }

    @Override
    public int read(byte[] into, int from, int length) throws IOException {
      if (left == 0) return -1;
      int count = Math.min(Math.min(length, PIECE_BYTES), left);
      try {
        // The JDK reads pieces of 16 KiB.
        Thread.sleep((long) pauseMs * count / PIECE_BYTES);
      } catch (InterruptedException interrupted) {
        throw new IOException(interrupted);
      }
      left -= count;
      return count;
    }
  }

  private static String send(String[] fields, SSLContext trust) {
    int bytes = Integer.parseInt(fields[4]);
    int status = Integer.parseInt(fields[6]);
    int pauseMs = Integer.parseInt(fields[7]);
    BodyPublisher stream = BodyPublishers.ofInputStream(() -> new SlowBody(bytes, pauseMs));
    boolean isChunked = fields[8].equals("true");
    HttpClient client = HttpClient.newBuilder()
        .version(fields[2].equals("2") ? HttpClient.Version.HTTP_2 : HttpClient.Version.HTTP_1_1)
        .sslContext(trust)
        .build();
    HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(fields[1]))
        .timeout(Duration.ofSeconds(60))
        .method(fields[3], isChunked ? stream : BodyPublishers.fromPublisher(stream, bytes));
    for (int index = 9; index + 1 < fields.length; index += 2) {
      if (fields[index].equals("expect")) request.expectContinue(true);
      else request.header(fields[index], fields[index + 1]);
    }
    try {
      HttpResponse<byte[]> answer = client.send(request.build(), BodyHandlers.ofByteArray());
      int read = answer.body().length;
      return answer.statusCode() == status && read > 0
          ? ""
          : "status " + answer.statusCode() + ", " + read + " bytes";
    } catch (Exception error) {
      return error.toString();
    }
  }

  private static SSLContext trustOf(Path file) throws Exception {
    KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
    store.load(null, null);
    try (InputStream certificate = Files.newInputStream(file)) {
      store.setCertificateEntry(
          "gate", CertificateFactory.getInstance("X.509").generateCertificate(certificate));
    }
    TrustManagerFactory factory =
        TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
    factory.init(store);
    SSLContext context = SSLContext.getInstance("TLS");
    context.init(null, factory.getTrustManagers(), null);
    return context;
  }

  private static String quoted(String text) {
    return '"' + text.replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", " ") + '"';
  }

  public static void main(String[] arguments) throws Exception {
    SSLContext trust = trustOf(Path.of(arguments[1]));
    ExecutorService pool = Executors.newCachedThreadPool();
    for (String line : Files.readAllLines(Path.of(arguments[0]))) {
      String[] fields = line.split("\t");
      int runs = Integer.parseInt(fields[5]);
      List<String> faults = new ArrayList<>();
      if (fields[7].equals("0")) {
        for (int run = 0; run < runs; run += 1) faults.add(quoted(send(fields, trust)));
      } else {
        List<Future<String>> open = new ArrayList<>();
        Callable<String> once = () -> quoted(send(fields, trust));
        for (int run = 0; run < runs; run += 1) open.add(pool.submit(once));
        for (Future<String> each : open) faults.add(each.get());
      }
      System.out.println(
          "{\"id\":" + quoted(fields[0]) + ",\"faults\":[" + String.join(",", faults) + "]}");
    }
    System.exit(0);
  }
}
