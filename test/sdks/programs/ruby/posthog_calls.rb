# frozen_string_literal: true

# Makes the calls by posthog-ruby.
require_relative 'program'
require 'posthog'

program = Program.new
client = PostHog::Client.new(
  api_key: program.key,
  host: program.url,
  compress_request: program.gzip?,
  on_error: program.method(:on_error).to_proc
)
program.calls.each do |call|
  user = call.marker
  capture = lambda do |event, properties|
    client.capture(distinct_id: user, event: event, properties: properties)
  end
  case call.name
  when 'track' then capture.call('Order Completed', order(call))
  when 'identify' then client.identify(distinct_id: user, properties: { plan: 'team' })
  when 'page' then capture.call('$pageview', { '$current_url' => 'https://x.example/' })
  when 'screen' then capture.call('$screen', { '$screen_name' => 'Cart' })
  when 'group'
    client.group_identify(group_type: 'company', group_key: user, properties: { seats: 3 })
  when 'alias' then client.alias(distinct_id: user, alias: 'a1')
  when 'flags', 'decide'
    begin
      value = client.get_feature_flag('new-checkout', user, send_feature_flag_events: false)
      program.sent[user] = "get_feature_flag returned #{value.inspect}"
    rescue StandardError => e
      program.fail(user, e)
    end
  end
end
client.flush
client.shutdown
program.finish('on_error was not called')
