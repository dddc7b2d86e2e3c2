# SPDX-License-Identifier: Apache-2.0 OR MIT
"""Writes the problem for Z3: are there two factors of 13 bits, and is a pigeon too much?"""
print("(set-logic QF_BV)\n(declare-const x (_ BitVec 32))\n(declare-const y (_ BitVec 32))")
print("(assert (bvult x #x00002000))\n(assert (bvult y #x00002000))")
print("(assert (bvugt x #x00000001))\n(assert (bvule x y))")
print(f"(assert (= (bvmul x y) (_ bv{7919 * 7907} 32)))")  # two primes
print("(check-sat)\n(get-value (x y))\n(reset)\n(set-logic QF_UF)")
HOLES = 8
for pigeon in range(HOLES + 1):
    for hole in range(HOLES):
        print(f"(declare-const p{pigeon}_{hole} Bool)")
    print("(assert (or " + " ".join(f"p{pigeon}_{hole}" for hole in range(HOLES)) + "))")
for hole in range(HOLES):
    for pigeon in range(HOLES + 1):
        for other in range(pigeon):
            print(f"(assert (not (and p{pigeon}_{hole} p{other}_{hole})))")
print("(check-sat)")
