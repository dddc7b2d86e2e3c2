# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# GranaryPackages.cmake — what the tests and benchmarks need and the library does not.
#
# Debian: apt-get install libgtest-dev libbenchmark-dev

if(GRANARY_BUILD_TESTS)
    find_package(GTest REQUIRED)
    include(GoogleTest)
endif()
if(GRANARY_BUILD_BENCH)
    find_package(benchmark REQUIRED)
endif()
