<?php

// Makes the calls by posthog/posthog-php.

require __DIR__ . '/program.php';

$program = new Program($argv);
$last = '';
$client = new PostHog\Client($program->key, [
    'host' => $program->host,
    'ssl' => false,
    'compress_request' => $program->isGzip,
    // The second argument is the status.
    'error_handler' => function ($_request, $status) use (&$last) {
        $last = (string) $status;
    },
]);
PostHog\PostHog::init(null, [], $client);
foreach ($program->calls as $call) {
    $program->attempt($call['marker'], function () use ($client, $call) {
        $user = ['distinctId' => $call['marker']];
        $capture = fn (string $event, array $properties) =>
            $client->capture($user + ['event' => $event, 'properties' => $properties]);
        switch ($call['name']) {
            case 'track':
                return $capture('Order Completed', order($call));
            case 'identify':
                return $client->identify($user + ['properties' => ['plan' => 'team']]);
            case 'page':
                return $capture('$pageview', ['$current_url' => 'https://x.example/']);
            case 'screen':
                return $capture('$screen', ['$screen_name' => 'Cart']);
            case 'group':
                return PostHog\PostHog::groupIdentify([
                    'groupType' => 'company',
                    'groupKey' => $call['marker'],
                    'properties' => ['seats' => 3],
                ]);
            case 'alias':
                return $client->alias($user + ['alias' => 'a1']);
            default:
                $value = $client->getFeatureFlag(
                    'new-checkout', $call['marker'], [], [], [], false, false
                );
                return 'getFeatureFlag returned ' . var_export($value, true);
        }
    });
}
if (!$client->flush()) {
    $program->failAll("flush returned false after $last");
}
$program->end('flush returned true');
