import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Sends COUNT events to the relay at URL, one by one from eight threads, each until it has a final verdict. A key is
 * PREFIX and 12 hex digits. Prints a line for each verdict and for each request without an answer:
 * test/relay/producers.ts reads them.
 */
public class Send {
  private static final int THREADS = 8;
  /** The JDK reads no JSON. */
  private static final Pattern CODE = Pattern.compile("\"code\":\"(\\w+)\"");

  private final HttpClient client = HttpClient.newHttpClient();
  private final String url;

  private Send(String url) {
    this.url = url;
  }

  public static void main(String[] args) throws Exception {
    Send sender = new Send(args[0]);
    String prefix = args[1];
    int count = Integer.parseInt(args[2]);
    AtomicInteger next = new AtomicInteger();
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    List<Future<Void>> sending = new ArrayList<>();
    for (int thread = 0; thread < THREADS; thread += 1) {
      Callable<Void> work = () -> {
        for (int index = next.getAndIncrement(); index < count; index = next.getAndIncrement()) {
          sender.send(prefix + String.format("%012x", index), index);
        }
        return null;
      };
      sending.add(threads.submit(work));
    }
    for (Future<Void> one : sending) one.get();
    threads.shutdown();
  }

  private static String body(String key, int index) {
    return String.format(
        "{\"event_name\":\"order_completed\",\"user_id\":\"u-%d\",\"idempotency_key\":\"%s\","
            + "\"properties\":{\"order_id\":\"A-%d\",\"total\":%d,\"currency\":\"EUR\"}}",
        index % 100, key, index, index % 50 == 0 ? -1 : index);
  }

  private void send(String key, int index) throws InterruptedException {
    HttpRequest request = HttpRequest.newBuilder(URI.create(url + "/v1/track"))
        .timeout(Duration.ofSeconds(10))
        .header("content-type", "application/json")
        .POST(BodyPublishers.ofString(body(key, index)))
        .build();
    for (;; Thread.sleep(50)) {
      HttpResponse<String> answer;
      try {
        answer = client.send(request, BodyHandlers.ofString());
      } catch (IOException broken) {
        System.out.println("unanswered " + broken.getClass().getSimpleName());
        continue;
      }
      int status = answer.statusCode();
      if (status < 300) {
        System.out.println("accepted " + key);
        return;
      }
      if (status != 429 && status != 503) {
        Matcher code = CODE.matcher(answer.body());
        System.out.println("rejected " + key + " " + (code.find() ? code.group(1) : answer.body()));
        return;
      }
      System.out.println("retry " + key);
    }
  }
}
