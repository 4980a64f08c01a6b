# Renders a template beside a link, with what a director's templates know of links:
# if_link, address and p. Reads properties and link from standard input.
require 'erb'
require 'json'

given = JSON.parse($stdin.read)
look = ->(all, name) { name.split('.').reduce(all) { |at, key| at.nil? ? nil : at[key] } }

Link = Struct.new(:address, :properties, :look) do
  def p(name)
    look.call(properties, name)
  end
end

context = Object.new
context.define_singleton_method(:p) { |name| look.call(given['properties'], name) }
context.define_singleton_method(:if_link) { |_, &block| block.call(Link.new(given['link']['address'], given['link']['properties'], look)) }
context.define_singleton_method(:get) { binding }
puts ERB.new(File.read(ARGV[0]), trim_mode: '-').result(context.get)
