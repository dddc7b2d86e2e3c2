#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Perl and Node run scripts that allocate gigabytes in total and print the same on both allocators."""
import sys

import harness

# Strings, arrays and hashes that grow, are copied, sorted and dropped.
PERL = r"""
use strict; use warnings;
my ($rounds) = @ARGV;
my ($sum, $bytes) = (0, 0);
for my $round (1 .. $rounds) {
    my %index;
    for my $i (1 .. 40_000) {
        my $text = ("$round:$i;" x (1 + $i % 60));
        $bytes += length $text;
        push @{$index{$i % 997}}, $text;
    }
    for my $key (sort { $a <=> $b } keys %index) {
        my @sorted = sort { $a cmp $b } @{$index{$key}};
        $sum = ($sum * 31 + length(join ',', @sorted) + ord($sorted[-1])) % 1_000_000_007;
    }
    my $long = join '', map { chr(65 + $_ % 26) } 1 .. 300_000;
    $long =~ s/([AEIOU])/<$1>/g;
    my @parts = split /</, $long;
    $bytes += length($long) * 2;
    $sum = ($sum + scalar(@parts) + length($long)) % 1_000_000_007;
}
print "$sum\n$bytes\n";
"""

# Buffers live outside V8's heap: malloc serves them, and zlib and crypto besides.
NODE = r"""
const zlib = require('zlib'), crypto = require('crypto');
const rounds = Number(process.argv[2]);
const hash = crypto.createHash('sha256');
let bytes = 0;
let kept = [];
for (let round = 0; round < rounds; ++round) {
    for (let i = 1; i <= 400; ++i) {
        const buffer = Buffer.alloc((i * 7919 * (round + 1)) % 60000 + 8192, i & 255);
        buffer.writeUInt32LE(i * round, 0);
        bytes += buffer.length;
        kept.push(buffer);
        if (kept.length > 300) hash.update(kept.splice((i * 31) % 300, 1)[0]);
    }
    const text = JSON.stringify(Array.from({length: 20000}, (_, i) => ({id: i, name: 'n' + i * round})));
    const packed = zlib.deflateSync(text, {level: 1});
    bytes += text.length + packed.length;
    if (zlib.inflateSync(packed).toString() !== text) throw new Error('round trip');
    hash.update(packed);
}
console.log(hash.digest('hex'));
console.log(bytes);
"""


def compare(trial, program, source, suffix, rounds, least_bytes):
    path = trial.need(program)
    script = trial.directory / f"script.{suffix}"
    script.write_text(source, encoding="ascii")
    system = trial.system.succeed([path, script, rounds])
    granary = trial.granary.succeed([path, script, rounds], sees=program)
    harness.check(system.out == granary.out, f"{program} prints {granary.out!r}, not {system.out!r}")
    total = int(system.out.split()[-1])
    harness.check(total >= least_bytes, f"{program} allocated only {total} bytes")
    trial.title = program
    trial.done(f"a script that makes {total / 1e9:.1f} GB of strings and buffers", system, granary)


def body(trial):
    scale = 40 if trial.full else 1
    compare(trial, "perl", PERL, "pl", 8 * scale, 50_000_000 * scale)
    compare(trial, "node", NODE, "js", 8 * scale, 50_000_000 * scale)


if __name__ == "__main__":
    sys.exit(harness.main("scripts", __doc__, body))
