<?php

// What the programs of PHP's SDKs share: the calls that they make, and how they report.

require getenv('SDK_FOLDER') . '/vendor/autoload.php';

/**
 * The arguments: the gate's address, the write key, `plain` or `gzip`, and the calls. A call is
 * `track=MARKER`, or `track!=MARKER` for an event that breaks its schema.
 */
final class Program
{
    public string $url;
    /** Without its scheme. */
    public string $host;
    public string $key;
    public bool $isGzip;
    /** @var list<array{name: string, marker: string, isGood: bool}> */
    public array $calls = [];
    private array $failed = [];
    private array $broken = [];
    private array $sent = [];

    public function __construct(array $arguments)
    {
        [, $this->url, $this->key, $mode] = $arguments;
        $this->host = str_replace('http://', '', $this->url);
        $this->isGzip = $mode === 'gzip';
        foreach (array_slice($arguments, 4) as $text) {
            [$name, $marker] = explode('=', $text, 2);
            $isGood = !str_ends_with($name, '!');
            $this->calls[] = ['name' => rtrim($name, '!'), 'marker' => $marker, 'isGood' => $isGood];
        }
    }

    public function failAll(string $why): void
    {
        foreach ($this->calls as ['marker' => $marker]) {
            $this->failed[$marker] = $why;
        }
    }

    public function attempt(string $marker, callable $make): void
    {
        try {
            $shown = $make();
            if (is_string($shown)) {
                $this->sent[$marker] = $shown;
            }
        } catch (Throwable $error) {
            $this->failed[$marker] = get_class($error) . ': ' . $error->getMessage();
            // Not an exception of the SDK's own: it did not understand the answer.
            if ($error instanceof Error) {
                $this->broken[$marker] = true;
            }
        }
    }

    /** `$sent` says by what the SDK shows that a call was sent. */
    public function end(string $sent): void
    {
        foreach ($this->calls as ['marker' => $marker]) {
            $why = $this->failed[$marker] ?? null;
            $failed = isset($this->broken[$marker]) ? 'broke' : 'failed';
            $this->say([
                'marker' => $marker,
                'belief' => $why === null ? 'sent' : $failed,
                'why' => substr($why ?? $this->sent[$marker] ?? $sent, 0, 300),
            ]);
        }
        $this->say(['end' => true]);
    }

    private function say(array $line): void
    {
        echo 'report ', json_encode($line, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
    }
}

/** Without its total and currency an order breaks its schema. */
function order(array $call): array
{
    $rest = $call['isGood'] ? ['total' => 12.5, 'currency' => 'EUR'] : [];
    return ['order_id' => $call['marker']] + $rest;
}
