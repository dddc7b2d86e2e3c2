# GranaryNames.cmake — version scripts and aliases out of names.txt.
#
# granary_names(<flavour> [c] [je] [rjem])
#   For a flavour of library with these sets of names beside granary_*, under the build directory:
#     names/<flavour>/<flavour>.map                      what the shared library exports
#     names/<flavour>/granary/capi/names_<source>.hpp    aliases, included at the end of <source>.cpp

set(GRANARY_NAMES_FILE "${CMAKE_CURRENT_SOURCE_DIR}/names.txt")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${GRANARY_NAMES_FILE}")

# Writes only what changed, so that nothing is compiled again for nothing.
function(granary_write path text)
    if(EXISTS "${path}")
        file(READ "${path}" there)
    endif()
    if(NOT "${there}" STREQUAL "${text}")
        file(WRITE "${path}" "${text}")
    endif()
endfunction()

# The names beside granary_<name> that a line means where these sets of names are wanted.
function(granary_other_names out name families sets)
    set(names "")
    if("c" IN_LIST sets)
        if("c" IN_LIST families OR "jemalloc" IN_LIST families)
            list(APPEND names ${name})
        endif()
    endif()
    if("jemalloc" IN_LIST families)
        if("je" IN_LIST sets)
            list(APPEND names je_${name})
        endif()
        if("rjem" IN_LIST sets)
            list(APPEND names _rjem_${name})
        endif()
    endif()
    set(${out} "${names}" PARENT_SCOPE)
endfunction()

function(granary_names flavour)
    set(directory "${CMAKE_CURRENT_BINARY_DIR}/names/${flavour}")
    file(STRINGS "${GRANARY_NAMES_FILE}" lines REGEX "^[a-z_]")
    set(sources "")
    set(map "")
    foreach(line IN LISTS lines)
        string(REGEX MATCHALL "[^ ]+" fields "${line}")
        list(POP_FRONT fields name source)
        string(REGEX REPLACE ".*=" "" target "${name}")
        string(REGEX REPLACE "=.*" "" name "${name}")
        if("granary" IN_LIST fields)
            string(APPEND map "        granary_${name};\n")
        endif()
        granary_other_names(others ${name} "${fields}" "${ARGN}")
        list(APPEND sources ${source})
        foreach(other IN LISTS others)
            string(APPEND map "        ${other};\n")
            string(APPEND text_${source}
                   "decltype(granary_${target}) ${other} GRANARY_ALIAS(granary_${target});\n")
        endforeach()
    endforeach()
    list(REMOVE_DUPLICATES sources)
    list(REMOVE_ITEM sources "-")
    foreach(source IN LISTS sources)
        granary_write("${directory}/granary/capi/names_${source}.hpp"
            "// Made by GranaryNames.cmake out of names.txt.\nextern \"C\" {\n${text_${source}}}\n")
    endforeach()
    granary_write("${directory}/${flavour}.map"
        "# Made by GranaryNames.cmake out of names.txt.\n{\n    global:\n${map}    local:\n        *;\n};\n")
endfunction()
