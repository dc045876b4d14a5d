<?php

// Makes the calls by segmentio/analytics-php.

require __DIR__ . '/program.php';

/** It speaks HTTPS only; a consumer of one's own is how it is told otherwise. */
final class PlainHttp extends Segment\Consumer\LibCurl
{
    protected string $protocol = 'http://';
}

$program = new Program($argv);
$client = new Segment\Client($program->key, [
    'consumer' => PlainHttp::class,
    'host' => $program->host . '/v1/segment',
    'compress_request' => $program->isGzip,
    'error_handler' => function ($code, $message) use ($program) {
        $program->failAll("$code: $message");
    },
]);
foreach ($program->calls as $call) {
    $program->attempt($call['marker'], function () use ($client, $call) {
        $user = ['userId' => $call['marker']];
        match ($call['name']) {
            'track' => $client->track($user + ['event' => 'Order Completed', 'properties' => order($call)]),
            'identify' => $client->identify($user + ['traits' => ['plan' => 'team']]),
            'page' => $client->page(
                $user + ['name' => 'Home', 'properties' => ['url' => 'https://x.example/']]
            ),
            'screen' => $client->screen($user + ['name' => 'Cart']),
            'group' => $client->group($user + ['groupId' => 'g1', 'traits' => ['seats' => 3]]),
            'alias' => $client->alias($user + ['previousId' => 'a1']),
        };
    });
}
$client->flush();
$program->end('its error handler was not called');
