<?php

// Makes the calls by mixpanel/mixpanel-php.

require __DIR__ . '/program.php';

$program = new Program($argv);
$client = Mixpanel::getInstance($program->key, [
    'host' => $program->host,
    'use_ssl' => false,
    'error_callback' => function ($code, $message) use ($program) {
        $program->failAll("$code: $message");
    },
]);
foreach ($program->calls as $call) {
    $marker = $call['marker'];
    $program->attempt($marker, function () use ($client, $call, $marker) {
        match ($call['name']) {
            'track' => $client->track('Order Completed', ['distinct_id' => $marker] + order($call)),
            'alias' => $client->createAlias('a1', $marker),
            'engage' => $client->people->set($marker, ['plan' => 'team']),
            'groups' => $client->group->set('company', $marker, ['seats' => 3]),
        };
    });
}
$client->flush();
$client->people->flush();
$client->group->flush();
$program->end('its error callback was not called');
