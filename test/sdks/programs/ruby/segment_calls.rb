# frozen_string_literal: true

# Makes the calls by analytics-ruby, or rudder-sdk-ruby, which began as a copy of it.
require_relative 'program'

# Its `ssl: false` is taken for no answer, and HTTPS is its default.
module PlainHttp
  def initialize(options = {})
    super
    @http.use_ssl = false
  end
end

# It drops the path of its data plane.
module PathOfGate
  def initialize(config)
    super
    @path = "/v1/segment#{@path}"
  end
end

def segment_client(program)
  require 'segment/analytics'
  Segment::Analytics::Transport.prepend(PlainHttp)
  gate = URI(program.url)
  Segment::Analytics.new(
    write_key: program.key,
    host: gate.host,
    port: gate.port,
    path: '/v1/segment/v1/import',
    on_error: program.method(:on_error).to_proc
  )
end

def rudder_client(program)
  # Its compression takes it for loaded.
  require 'stringio'
  require 'rudder/analytics'
  Rudder::Analytics::Transport.prepend(PathOfGate)
  Rudder::Analytics.new(
    write_key: program.key,
    data_plane_url: program.url,
    ssl: false,
    gzip: program.gzip?,
    on_error: program.method(:on_error).to_proc
  )
end

program = Program.new
is_rudder = ENV['SDK_NAME'] == 'rudder-sdk-ruby'
client = is_rudder ? rudder_client(program) : segment_client(program)
program.calls.each do |call|
  user = call.marker
  case call.name
  when 'track' then client.track(user_id: user, event: 'Order Completed', properties: order(call))
  when 'identify' then client.identify(user_id: user, traits: { plan: 'team' })
  when 'page'
    client.page(user_id: user, name: 'Home', properties: { url: 'https://x.example/' })
  when 'screen' then client.screen(user_id: user, name: 'Cart')
  when 'group' then client.group(user_id: user, group_id: 'g1', traits: { seats: 3 })
  when 'alias' then client.alias(user_id: user, previous_id: 'a1')
  end
end
client.flush
program.finish('on_error was not called')
