# Prints what Ruby's Psych makes of plain scalars, one a line: the scalar as a
# JSON string, its kind, and its value. Run it as: ruby psych.rb > psych.tsv
require 'date'
require 'json'
require 'yaml'

WORDS = %w[
  ~ null Null NULL nUll true True yes YES on On oN false no No off OFF y n Y N t f yess nul truex nullx
  0 1 -1 +1 00 007 08 09 010 0o10 0x1F 0X1F 0xg -0x1f 0b101 0b102 1_000 1__0 _1 1_ 1,000 1,0,0 ,1 1, 0_7 0,7 0x_1 12345678901234567890123
  1.0 1.10 .5 5. . -. +.5 -0.0 1e3 1e+3 1.5e3 1.5e+3 1.5E-3 1.e+3 1_0.5 1,000.5 1.2.3 .inf -.inf +.INF .Inf .nan .NaN .nano 1.0e+20 123456789012345678.0 0.00001
  1:30 1:60 01:30 190:20:30 190:20:30.15 -1:30 1:2:3:4 1:2 :30 1: 1:30: 20:30.5 1_0:20 12:5 1:05:6 2001:db8::1 ::1 :: 1::2
  :sym :a:b : :1 :"x" 'a': -:x a:b
  2020-01-01 2020-1-1 2020-13-01 2020-01-32 2020-00-01 2020-02-30 -2020-01-01 20200-01-01 2020-01-01x
  2020-01-01T10:00:00Z 2020-01-01t10:00:00 2020-01-01T10:00:00.5+02:00 2020-01-01T1:00:00-5 2020-01-01T10:00:00+0530
  10.0.0.1 10.0.0.0/24 10.0 10.0.0.1-10.0.0.5 10.0.0.1- -10.0.0.1 +10 -- - 1- 1-2 1+1 1e 0b 0x 1a a1 é éa 5é .a .1a ..
  z1 default web/0 ((var)) $x 100% 10% 50%x #x !x * & @a `a ? % \ = <<
].freeze
PHRASES = ['2020-01-01 10:00:00', '2020-01-01 10:00:00 Z', '2020-01-01 10:00:00 +02:00', '10.0.0.1 - 10.0.0.5', '1 2', '- 1', 'a b', ' ', "a\nb"].freeze

def kind(value)
  case value
  when nil then 'null'
  when true, false then 'a boolean'
  when Integer then 'an integer'
  when Float then 'a float'
  when Symbol then 'a symbol'
  when Date then 'a date'
  when Time then 'a timestamp'
  when String then 'a string'
  end
end

random = Random.new(1)
letters = '0123456789+-.:_,eExXbTZ aynNf~/'.chars
mutations = (WORDS * 12).map do |word|
  w = word.dup
  (1 + random.rand(2)).times { w.insert(random.rand(w.size + 1), letters.sample(random: random)) }
  w
end
scanner = Psych::ScalarScanner.new(Psych::ClassLoader.new)
(WORDS + PHRASES + mutations).uniq.each do |text|
  next if text != text.strip && text != ' '
  begin
    value = scanner.tokenize(text)
  rescue ArgumentError
    next # Psych itself fails on a few, such as 0b_
  end
  puts [JSON.generate(text), kind(value), [Integer, Float].any? { |c| value.is_a?(c) } ? value.to_s : ''].join("\t")
end
