# Asks the guide's verifier about tokens: one a line of standard input, as {"token": …}. Answers {"claims": …} or {"refused": why}.
#
# ruby verify.rb verify_ruby_jwt
require "json"
require File.join(Dir.pwd, ARGV.fetch(0))

$stdout.sync = true
$stdin.each_line do |line|
  answer =
    begin
      { claims: verify(JSON.parse(line).fetch("token")) }
    rescue StandardError => error
      { refused: "#{error.class}: #{error.message}" }
    end
  puts JSON.generate(answer)
end
