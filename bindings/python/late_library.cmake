# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# late_library.cmake — target granary_late: libgranary.so that needs no static TLS, of which a process
# with many libraries may have nothing left by the time somebody imports a module (ADR 17).
#
# What looks at thread-local variables is compiled once more, with GRANARY_OPENED_LATE; os and ctl do
# not, and are taken as they are.
include(GranaryModule)
include("${root}/modules/capi/GranaryLibrary.cmake")

# granary_again(<module> <directory>): module <module>_late, of the sources of <module>
function(granary_again module as directory)
    get_target_property(sources granary_${module} SOURCES)
    list(FILTER sources EXCLUDE REGEX "^\\$<")
    list(TRANSFORM sources REPLACE "^src/" "${directory}/src/")
    add_library(granary_${as} OBJECT EXCLUDE_FROM_ALL ${sources})
    target_compile_features(granary_${as} PRIVATE cxx_std_20)
    target_compile_definitions(granary_${as} PRIVATE GRANARY_OPENED_LATE
        $<TARGET_PROPERTY:granary_${module},COMPILE_DEFINITIONS>)
    target_include_directories(granary_${as} PRIVATE
        $<TARGET_PROPERTY:granary_${module},INCLUDE_DIRECTORIES>)
    target_link_libraries(granary_${as} PRIVATE granary_module_flags)
    set_target_properties(granary_${as} PROPERTIES CXX_EXTENSIONS OFF POSITION_INDEPENDENT_CODE ON)
endfunction()

granary_again(core core_late "${root}/modules/core")
granary_again(capi_granary capi_late "${root}/modules/capi")
set_target_properties(granary_capi_late PROPERTIES GRANARY_CLOSURE "capi_late;ctl;core_late;os;base")

get_target_property(capi_binary_dir granary BINARY_DIR)
granary_shared(granary_late granary "${capi_binary_dir}/names/granary/granary.map" capi_late)
set_target_properties(granary_late PROPERTIES EXCLUDE_FROM_ALL OFF)
