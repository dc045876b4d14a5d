# frozen_string_literal: true

# What the programs of Ruby's SDKs share: the calls that they make, and how they report.
require 'json'
require 'uri'

Call = Struct.new(:name, :marker, :good)

# The arguments: the gate's address, the write key, `plain` or `gzip`, and the calls. A call is
# `track=MARKER`, or `track!=MARKER` for an event that breaks its schema.
class Program
  attr_reader :url, :key, :calls, :sent

  def initialize
    @url, @key, mode, *calls = ARGV
    @gzip = mode == 'gzip'
    @calls = calls.map do |text|
      name, marker = text.split('=', 2)
      Call.new(name.delete('!'), marker, !name.end_with?('!'))
    end
    @failed = {}
    @broken = {}
    @sent = {}
  end

  def gzip? = @gzip

  # For SDKs that say with a status that a batch failed: -1 is an error of their own code.
  def on_error(status, error)
    calls.each do |call|
      @failed[call.marker] = "#{status}: #{error}"
      @broken[call.marker] = true if status.to_i.negative?
    end
  end

  # The SDK's own errors are not a break: `own` names their class.
  def fail(marker, error, own: nil)
    @failed[marker] = "#{error.class}: #{error.message}"
    @broken[marker] = true unless own && error.is_a?(own)
  end

  def say(line)
    puts "report #{JSON.generate(line)}"
    $stdout.flush
  end

  # `sent` says by what the SDK shows that a call was sent.
  def finish(sent)
    calls.each do |call|
      why = @failed[call.marker]
      belief = 'sent'
      belief = @broken[call.marker] ? 'broke' : 'failed' if why
      say({ marker: call.marker, belief: belief, why: (why || @sent[call.marker] || sent)[0, 300] })
    end
    say({ end: true })
  end
end

# Without its total and currency an order breaks its schema.
def order(call)
  { 'order_id' => call.marker }.merge(call.good ? { 'total' => 12.5, 'currency' => 'EUR' } : {})
end
