# Prints what Ruby's IPAddr makes of texts, one a line: the text as a JSON
# string, then the block that it is, or the class of the error. Run it as:
# ruby ipaddr.rb > ipaddr.tsv
require 'ipaddr'
require 'json'

V4 = %w[10.0.0.0 10.0.0.1 10.0.0.255 255.255.255.255 0.0.0.0 10.0.0 10.0.0.0.0 10.0.0.256 10.0.00.1 010.0.0.1 1.2.3.4 192.168.1.1].freeze
V6 = %w[
  2001:db8:: 2001:db8::1 2001:DB8::1F :: ::1 ::ffff:10.0.0.1 ::10.0.0.1 1:2:3:4:5:6:7:8 1:2:3:4:5:6:1.2.3.4 1:2:3:4:5:6:7:: ::2:3:4:5:6:7:8
  1:2:3:4::5:6:7:8 1:2:3:4:5:6::1.2.3.4 1:2:3:4:5::1.2.3.4 2001::db8::1 :1 1: 12345::1 g::1 fe80::1%eth0 fe80::1% 10.0.0.1%eth0 [2001:db8::1] [10.0.0.1] [fe80::1%eth0]
  [fe80::1]%eth0 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff ::1.2.3.04 ::1.2.3.256
].freeze
MASKS = %w[
  0 1 8 24 29 30 31 32 33 64 127 128 129 032 00 -1 +1 1.5 24/24 255.255.255.0 255.255.255.255 0.0.0.0 0.0.0.255 255.0.255.0 255.255.255.0/24 255.255.255.128/24
  10.0.0.0/8 ffff:: ffff:ffff:: ::ffff ffff::/16 ::
].push('', ' 24', '24 ', "24\n").freeze

texts = V4 + V6 + ['', ' ', '/', '10.0.0.1 ', ' 10.0.0.1', "10.0.0.1\n", 'web', '10', "10.0.0.1\u00a0", '٣.0.0.1']
(V4 + V6).each { |a| MASKS.each { |m| texts << "#{a}/#{m}" } }
random = Random.new(1)
letters = "0123456789.:/abfx%[] \n".chars
(texts * 2).each do |t|
  w = t.dup
  w.insert(random.rand(w.size + 1), letters.sample(random: random))
  texts << w
end
texts.uniq.each do |t|
  said = begin
    a = IPAddr.new(t)
    format('%s %x/%d', a.ipv4? ? 'v4' : 'v6', a.to_i, a.prefix)
  rescue IPAddr::Error => e
    e.class.name
  end
  puts [JSON.generate(t), said].join("\t")
end
