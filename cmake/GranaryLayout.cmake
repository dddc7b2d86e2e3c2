# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# GranaryLayout.cmake — what lies next to what in the shared libraries.
#
# granary_layout(<target>)
#   Orders the target's sections by layout.ld.in, so that a small process touches few pages: the
#   kernel maps up to sixteen around each one, but not beyond the end of a segment
#   (docs/adr/0016-what-a-process-start-touches.md). Everything works without: where the linker does
#   not know how, or with GRANARY_LAYOUT=OFF, nothing is done.

set(GRANARY_LAYOUT_DIR "${CMAKE_CURRENT_LIST_DIR}")
include(CheckCSourceCompiles)

# Sections of a function, in GNU ld's patterns: its name as the compiler mangles it. `*` jumps over
# namespaces; [EI] ends a name; C is a constructor.
function(granary_function_sections out line)
    string(REPLACE "::" ";" parts "${line}")
    list(LENGTH parts count)
    if(count EQUAL 1)
        set(${out} "*(.text.${line} .text.unlikely.${line})" PARENT_SCOPE)
        return()
    endif()
    list(POP_FRONT parts module)
    string(LENGTH "${module}" length)
    set(mangled "_Z*7granary${length}${module}*")
    set(class "")
    foreach(part IN LISTS parts)
        string(LENGTH "${part}" length)
        if(part STREQUAL "*")
            string(APPEND mangled "[1-9]*")
        elseif(part STREQUAL class)
            string(APPEND mangled "C[12]")
        else()
            string(APPEND mangled "${length}${part}")
        endif()
        set(class "${part}")
    endforeach()
    set(${out} "*(.text.${mangled}[EI]* .text.unlikely.${mangled}[EI]*)" PARENT_SCOPE)
endfunction()

function(granary_write_layout list script)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${list}")
    file(STRINGS "${list}" lines REGEX "^[^#]")
    set(START_FUNCTIONS "")
    list(TRANSFORM lines REPLACE "^\\? " "")
    foreach(line IN LISTS lines)
        granary_function_sections(sections "${line}")
        string(APPEND START_FUNCTIONS "        ${sections}\n")
    endforeach()
    configure_file("${GRANARY_LAYOUT_DIR}/layout.ld.in" "${script}" @ONLY)
endfunction()

# In the cache: a project that contains this one makes libraries, too.
set(GRANARY_LAYOUT_SCRIPT "${PROJECT_BINARY_DIR}/layout.ld" CACHE INTERNAL "ordered by granary_layout()")
granary_write_layout("${PROJECT_SOURCE_DIR}/modules/capi/start_functions.txt" "${GRANARY_LAYOUT_SCRIPT}")

# GNU ld knows how; lld and gold refuse the script.
separate_arguments(shared_flags UNIX_COMMAND "${CMAKE_SHARED_LINKER_FLAGS}")
set(CMAKE_REQUIRED_FLAGS "-fPIC -ffunction-sections -fdata-sections")
set(CMAKE_REQUIRED_LINK_OPTIONS -shared ${shared_flags} "LINKER:-T,${GRANARY_LAYOUT_SCRIPT}")
check_c_source_compiles("static int value[9]; int f(void) { return value[1]++; }" GRANARY_LAYOUT_WORKS)
unset(CMAKE_REQUIRED_FLAGS)
unset(CMAKE_REQUIRED_LINK_OPTIONS)

function(granary_layout target)
    # Instrumented code is another one: its runtime's sections are not ours to order.
    if(NOT GRANARY_LAYOUT OR NOT GRANARY_LAYOUT_WORKS OR GRANARY_SANITIZE)
        return()
    endif()
    target_link_options(${target} PRIVATE "LINKER:-T,${GRANARY_LAYOUT_SCRIPT}")
    set_property(TARGET ${target} APPEND PROPERTY LINK_DEPENDS "${GRANARY_LAYOUT_SCRIPT}")
endfunction()
