# frozen_string_literal: true

# Makes the calls by mixpanel-ruby, several events in one request.
require_relative 'program'
require 'mixpanel-ruby'

# It speaks HTTPS unless its connection is told otherwise.
Mixpanel.config_http { |http| http.use_ssl = false }

program = Program.new
url = program.url
is_batch = program.calls.map(&:name).uniq.size == 1
consumer =
  if is_batch
    Mixpanel::BufferedConsumer.new("#{url}/track", "#{url}/engage", "#{url}/import")
  else
    Mixpanel::Consumer.new("#{url}/track", "#{url}/engage", "#{url}/groups", "#{url}/import")
  end

# Its errors go to a handler, which gets those of the call that is under way.
class Handler < Mixpanel::ErrorHandler
  attr_writer :call

  def initialize(program)
    super()
    @program = program
  end

  def handle(error) = @program.fail(@call.marker, error, own: Mixpanel::MixpanelError)
end

handler = Handler.new(program)
tracker = Mixpanel::Tracker.new(program.key, handler) do |type, message|
  consumer.send!(type, message)
end
program.calls.each do |call|
  handler.call = call
  user = call.marker
  case call.name
  when 'track' then tracker.track(user, 'Order Completed', order(call))
  when 'import'
    time = { 'time' => Time.now.to_i - 60 }
    tracker.import('unused', user, 'Order Completed', order(call).merge(time))
  when 'alias' then tracker.alias('a1', user, "#{url}/track")
  when 'engage' then tracker.people.set(user, { 'plan' => 'team' })
  when 'groups' then tracker.groups.set('company', user, { 'seats' => 3 })
  end
end
begin
  consumer.flush if is_batch
rescue StandardError => e
  program.calls.each { |call| program.fail(call.marker, e, own: Mixpanel::MixpanelError) }
end
program.finish('returned without an error')
