# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# GranaryModule.cmake — the four functions that every CMakeLists.txt below is made of.
#
# granary_module(<name> [DEPENDS <module>…] [SOURCES <file>…] [GLOB_SOURCES] [DEFINES <definition>…] [COLD])
#   Target granary_<name> of the module in the current directory: an OBJECT library, or INTERFACE
#   without sources. include/ is public, src/ is private. GLOB_SOURCES takes src/**/*.cpp.
#   COLD: its code is linked behind that of others, away from what every program runs.
#
# granary_link_modules(<target> <module>…)
#   Puts the objects of these modules, and of all they depend on, into an executable or library,
#   and their public include directories on its path.
#
# granary_unit_tests(<module> [DIR <directory>] [SOURCES <file>…] [LINK <library>…] [LABELS <label>…])
#   Executable granary_<module>_tests of DIR/**/*_test.cpp (DIR is tests by default), linked with the
#   module, what it depends on and GoogleTest, seeing the module's src/; each test is known to CTest.
#   Nothing without GRANARY_BUILD_TESTS.
#
# granary_bench(<name> SOURCES <file>… [MODULES <module>…] [LINK <library>…])
#   Executable granary_bench_<name> over Google Benchmark. Nothing without GRANARY_BUILD_BENCH.

function(granary_module name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "GLOB_SOURCES;COLD" "" "DEPENDS;SOURCES;DEFINES")
    set(target granary_${name})
    if(arg_GLOB_SOURCES)
        file(GLOB_RECURSE arg_SOURCES CONFIGURE_DEPENDS src/*.cpp)
    endif()
    file(GLOB_RECURSE headers CONFIGURE_DEPENDS include/*.hpp include/*.h)

    if(arg_SOURCES)
        add_library(${target} OBJECT ${arg_SOURCES})
        set(scope PUBLIC)
        target_include_directories(${target} PRIVATE src)
        target_link_libraries(${target} PRIVATE granary_module_flags PUBLIC Threads::Threads)
    else()
        add_library(${target} INTERFACE)
        set(scope INTERFACE)
    endif()
    target_sources(${target} ${scope} FILE_SET HEADERS BASE_DIRS include FILES ${headers})
    target_compile_features(${target} ${scope} cxx_std_20)
    target_compile_definitions(${target} ${scope} ${arg_DEFINES})

    set(closure ${name})
    foreach(dependency IN LISTS arg_DEPENDS)
        target_link_libraries(${target} ${scope} granary_${dependency})
        get_target_property(below granary_${dependency} GRANARY_CLOSURE)
        list(APPEND closure ${below})
    endforeach()
    list(REMOVE_DUPLICATES closure)
    set_target_properties(${target} PROPERTIES
        GRANARY_CLOSURE "${closure}"
        GRANARY_COLD "${arg_COLD}"
        GRANARY_PRIVATE_DIR "${CMAKE_CURRENT_SOURCE_DIR}/src")
endfunction()

function(granary_link_modules target)
    set(closure "")
    foreach(module IN LISTS ARGN)
        get_target_property(below granary_${module} GRANARY_CLOSURE)
        list(APPEND closure ${below})
    endforeach()
    list(REMOVE_DUPLICATES closure)
    foreach(module IN LISTS closure)
        get_target_property(cold granary_${module} GRANARY_COLD)
        if(cold)
            list(REMOVE_ITEM closure ${module})
            list(APPEND closure ${module})
        endif()
    endforeach()
    foreach(module IN LISTS closure)
        get_target_property(type granary_${module} TYPE)
        if(type STREQUAL "OBJECT_LIBRARY")
            target_sources(${target} PRIVATE $<TARGET_OBJECTS:granary_${module}>)
        endif()
        target_include_directories(${target} PRIVATE
            $<TARGET_PROPERTY:granary_${module},INTERFACE_INCLUDE_DIRECTORIES>)
        target_compile_definitions(${target} PRIVATE
            $<TARGET_PROPERTY:granary_${module},INTERFACE_COMPILE_DEFINITIONS>)
    endforeach()
    target_link_libraries(${target} PRIVATE Threads::Threads)
endfunction()

function(granary_unit_tests module)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "DIR" "SOURCES;LINK;LABELS")
    if(NOT GRANARY_BUILD_TESTS)
        return()
    endif()
    if(NOT arg_DIR)
        set(arg_DIR tests)
    endif()
    if(NOT arg_LABELS)
        set(arg_LABELS unit)
    endif()
    file(GLOB_RECURSE tests CONFIGURE_DEPENDS ${arg_DIR}/*_test.cpp)
    if(NOT tests AND NOT arg_SOURCES)
        return()
    endif()
    set(target granary_${module}_tests)
    add_executable(${target} ${tests} ${arg_SOURCES})
    granary_link_modules(${target} ${module})
    get_target_property(private_dir granary_${module} GRANARY_PRIVATE_DIR)
    target_include_directories(${target} PRIVATE ${private_dir} ${arg_DIR})
    target_link_libraries(${target} PRIVATE granary_warnings GTest::gtest_main ${arg_LINK})
    gtest_discover_tests(${target} TEST_PREFIX "${module}." DISCOVERY_TIMEOUT 60
                         PROPERTIES LABELS "${arg_LABELS}" TIMEOUT 300)
endfunction()

function(granary_bench name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;MODULES;LINK")
    if(NOT GRANARY_BUILD_BENCH)
        return()
    endif()
    set(target granary_bench_${name})
    add_executable(${target} ${arg_SOURCES})
    granary_link_modules(${target} ${arg_MODULES})
    foreach(module IN LISTS arg_MODULES)
        get_target_property(private_dir granary_${module} GRANARY_PRIVATE_DIR)
        target_include_directories(${target} PRIVATE ${private_dir})
    endforeach()
    target_link_libraries(${target} PRIVATE granary_warnings benchmark::benchmark ${arg_LINK})
endfunction()
