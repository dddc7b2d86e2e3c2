# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# GranaryFlags.cmake — how everything is compiled.
#
# granary_warnings      interface target: the warnings, for modules, tests and benchmarks alike
# granary_module_flags  interface target: the language subset of the modules, see CONTRIBUTING.md
# CMAKE_*_FLAGS_RELEASE when granary is the top-level project: -O2, line tables, no assert()

if(PROJECT_IS_TOP_LEVEL)
    if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
        set(CMAKE_BUILD_TYPE Release CACHE STRING "Release or Debug" FORCE)
    endif()
    foreach(language IN ITEMS C CXX)
        set(CMAKE_${language}_FLAGS_RELEASE "-O2 -g1 -DNDEBUG")
        set(CMAKE_${language}_FLAGS_DEBUG "-Og -g")
    endforeach()
    # Clang's -Og is -O1: fine. Messages and debug information carry no path of the build machine.
    add_compile_options("-ffile-prefix-map=${CMAKE_SOURCE_DIR}/=")
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
find_package(Threads REQUIRED)

add_library(granary_warnings INTERFACE)
target_compile_options(granary_warnings INTERFACE
    -Wall -Wextra -Wconversion -Wshadow
    $<$<BOOL:${GRANARY_WERROR}>:-Werror>
    $<$<COMPILE_LANG_AND_ID:CXX,Clang,AppleClang>:-Wthread-safety>)

add_library(granary_module_flags INTERFACE)
target_link_libraries(granary_module_flags INTERFACE granary_warnings)
target_compile_options(granary_module_flags INTERFACE
    $<$<COMPILE_LANGUAGE:CXX>:-fno-exceptions -fno-rtti -fno-threadsafe-statics>
    $<$<COMPILE_LANGUAGE:CXX>:-fvisibility=hidden -fvisibility-inlines-hidden>
    -fno-builtin-malloc
    # So that the linker can put next to each other what is used together (GranaryLayout.cmake).
    -ffunction-sections -fdata-sections
    # Nothing may run before main or after it; Clang says so at compile time.
    $<$<COMPILE_LANG_AND_ID:CXX,Clang,AppleClang>:-Wglobal-constructors -Wexit-time-destructors>)

if(GRANARY_SANITIZE)
    add_compile_options("-fsanitize=${GRANARY_SANITIZE}" -fno-sanitize-recover=all
                        -fno-omit-frame-pointer)
    add_link_options("-fsanitize=${GRANARY_SANITIZE}")
endif()
