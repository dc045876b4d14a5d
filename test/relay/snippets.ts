import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';

import { fencesOf, readPage } from '../documentation/markdown.ts';

/*
 * The snippets of docs/send/relay.md, as they stand there, each in a program that reads orders from
 * its input (a UUID and a total), sends each with the snippet, and writes what became of it.
 */

export interface SnippetLanguage {
  /** As the block on the page is marked. */
  readonly name: string;
  /** A command that exits with 0 where the language is on this machine. */
  readonly needs: readonly string[];
  readonly file: string;
  readonly program: (snippet: string) => string;
  /** In the folder of the file. */
  readonly build?: readonly string[];
  readonly run: readonly string[];
}

export const languages: readonly SnippetLanguage[] = [
  {
    name: 'python',
    needs: ['python3', '--version'],
    file: 'snippet.py',
    program: (snippet) => `${snippet}
import sys
for line in sys.stdin:
    order, total = line.split()
    try:
        track("order_completed", "u-1", order_id=order, total=int(total), currency="EUR")
        print("sent", order, flush=True)
    except urllib.error.HTTPError:
        print("rejected", order, flush=True)
`,
    run: ['python3', 'snippet.py'],
  },
  {
    name: 'go',
    needs: ['go', 'version'],
    file: 'snippet.go',
    program: (snippet) => `package main
import ("bufio"; "bytes"; "encoding/json"; "fmt"; "net/http"; "os"; "strconv"; "strings"; "time")
${snippet}
func main() {
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		order, text, _ := strings.Cut(lines.Text(), " ")
		total, _ := strconv.Atoi(text)
		err := Track(map[string]any{"event_name": "order_completed", "user_id": "u-1", "idempotency_key": order,
			"properties": map[string]any{"order_id": order, "total": total, "currency": "EUR"}})
		if err == nil { fmt.Println("sent", order) } else { fmt.Println("rejected", order) }
	}
}
`,
    build: ['go', 'build', '-o', 'snippet', 'snippet.go'],
    run: ['./snippet'],
  },
  {
    name: 'java',
    needs: ['javac', '--version'],
    file: 'Snippet.java',
    program: (snippet) => `import java.io.*;
import java.net.URI;
import java.net.http.*;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse.BodyHandlers;
import java.time.Duration;
class Snippet {
${snippet}
  public static void main(String[] args) throws Exception {
    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = lines.readLine()) != null; ) {
      String order = line.split(" ")[0], total = line.split(" ")[1];
      String event = "{\\"event_name\\":\\"order_completed\\",\\"user_id\\":\\"u-1\\",\\"idempotency_key\\":\\"" + order
          + "\\",\\"properties\\":{\\"order_id\\":\\"" + order + "\\",\\"total\\":" + total + ",\\"currency\\":\\"EUR\\"}}";
      try { track(event); System.out.println("sent " + order); }
      catch (IllegalArgumentException error) { System.out.println("rejected " + order); }
    }
  }
}
`,
    build: ['javac', 'Snippet.java'],
    run: ['java', '-Xshare:auto', '-XX:TieredStopAtLevel=1', 'Snippet'],
  },
  {
    name: 'php',
    needs: ['php', '--version'],
    file: 'snippet.php',
    program: (snippet) => `<?php
${snippet}
while (($line = fgets(STDIN)) !== false) {
    [$order, $total] = explode(' ', trim($line));
    try {
        track(['event_name' => 'order_completed', 'user_id' => 'u-1', 'idempotency_key' => $order,
            'properties' => ['order_id' => $order, 'total' => (int) $total, 'currency' => 'EUR']]);
        echo "sent $order\\n";
    } catch (Exception $error) { echo "rejected $order\\n"; }
}
`,
    run: ['php', 'snippet.php'],
  },
  {
    name: 'ruby',
    needs: ['ruby', '--version'],
    file: 'snippet.rb',
    program: (snippet) => `require "json"
require "net/http"
$stdout.sync = true
${snippet}
while line = gets
  order, total = line.split
  begin
    track({ event_name: "order_completed", user_id: "u-1", idempotency_key: order,
      properties: { order_id: order, total: total.to_i, currency: "EUR" } })
    puts "sent #{order}"
  rescue RuntimeError
    puts "rejected #{order}"
  end
end
`,
    run: ['ruby', 'snippet.rb'],
  },
];

/** The block of the page, sending to `url` in place of the usual address of a relay. */
export function snippetOf({ name }: SnippetLanguage, url: string): string {
  const blocks = fencesOf(readPage('docs/send/relay.md')).filter(
    ({ language }) => language === name,
  );
  if (blocks.length !== 1)
    throw new Error(`docs/send/relay.md has ${blocks.length} blocks in ${name}`);
  const usual = 'http://127.0.0.1:8080';
  const { text } = blocks[0]!;
  if (text.split(usual).length !== 2)
    throw new Error(`the block in ${name} does not name ${usual} once`);
  return text.replace(usual, url);
}

export interface SnippetProgram {
  /** @param orders `UUID TOTAL`. */
  send(orders: readonly string[]): void;
  /** What it wrote so far: `sent UUID`, `rejected UUID`. */
  readonly lines: readonly string[];
  /** Ends its input. Resolves with its exit code and its errors. */
  end(): Promise<{ readonly code: number | null; readonly errors: string }>;
}

export async function startSnippet(
  language: SnippetLanguage,
  folder: string,
  url: string,
): Promise<SnippetProgram> {
  writeFileSync(path.join(folder, language.file), language.program(snippetOf(language, url)));
  if (language.build !== undefined) {
    const built = await runToEnd(language.build, folder);
    if (built.code !== 0) throw new Error(`${language.name}: ${built.errors}`);
  }
  const [command, ...args] = language.run;
  const child = spawn(command!, args, { cwd: folder });
  const lines: string[] = [];
  let errors = '';
  createInterface(child.stdout).on('line', (line) => lines.push(line));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const closed = once(child, 'close');
  return {
    send: (orders) => void child.stdin.write(orders.map((order) => `${order}\n`).join('')),
    lines,
    end: async () => {
      child.stdin.end();
      const timer = setTimeout(() => child.kill('SIGKILL'), 20_000);
      const [code] = (await closed) as [number | null];
      clearTimeout(timer);
      return { code, errors };
    },
  };
}

export async function isHere({ needs }: SnippetLanguage): Promise<boolean> {
  return (await runToEnd(needs, '/').catch(() => undefined))?.code === 0;
}

async function runToEnd(words: readonly string[], cwd: string) {
  const [command, ...args] = words;
  const child = spawn(command!, args, { cwd, stdio: ['ignore', 'ignore', 'pipe'] });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, errors };
}
