# SPDX-License-Identifier: Apache-2.0 OR MIT
#
# install_test.cmake — installs a build of granary, builds this project on it, runs the programs.
#
#   cmake -DGRANARY_BUILD=… -DSCRATCH=… -DGENERATOR=… -DC_COMPILER=… -DVERSION=… -P install_test.cmake
function(must_run what)
    execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output
                    ERROR_VARIABLE output)
    if(NOT result EQUAL 0)
        message(FATAL_ERROR "${what} failed (${result}):\n${output}")
    endif()
    set(output "${output}" PARENT_SCOPE)
endfunction()

file(REMOVE_RECURSE "${SCRATCH}")
set(prefix "${SCRATCH}/prefix")
must_run("installing" ${CMAKE_COMMAND} --install "${GRANARY_BUILD}" --prefix "${prefix}")
must_run("configuring" ${CMAKE_COMMAND} -S "${CMAKE_CURRENT_LIST_DIR}" -B "${SCRATCH}/build"
         -G "${GENERATOR}" "-DCMAKE_C_COMPILER=${C_COMPILER}" "-DCMAKE_PREFIX_PATH=${prefix}")
must_run("building" ${CMAKE_COMMAND} --build "${SCRATCH}/build")

foreach(program IN ITEMS beside beside_static override override_static jemalloc jemalloc_static)
    must_run("${program}" "${SCRATCH}/build/${program}")
    set(owner "the C library's")
    if(program MATCHES "override|jemalloc")
        set(owner "granary's")
    endif()
    if(NOT output STREQUAL "granary ${VERSION}; malloc is ${owner}\n")
        message(FATAL_ERROR "${program} printed \"${output}\"; expected malloc to be ${owner}")
    endif()
endforeach()

# As programs that know jemalloc only: its configuration script, its header, its library.
file(GLOB_RECURSE config "${prefix}/*/jemalloc-config")
must_run("jemalloc-config --prefix" "${config}" --prefix)
string(STRIP "${output}" compat)
must_run("jemalloc-config --version" "${config}" --version)
if(NOT output MATCHES "^5\\.3\\.1-")
    message(FATAL_ERROR "jemalloc-config --version printed \"${output}\"")
endif()
must_run("compiling with jemalloc.h" "${C_COMPILER}" "${CMAKE_CURRENT_LIST_DIR}/jemalloc_client.c"
         "-I${compat}/include" "-L${compat}/lib" -ljemalloc "-Wl,-rpath,${compat}/lib" -o "${SCRATCH}/client")
must_run("the client of jemalloc" "${SCRATCH}/client")
if(NOT output MATCHES "^5\\.3\\.1-.* ${VERSION}")
    message(FATAL_ERROR "the client of jemalloc printed \"${output}\"")
endif()
find_program(pkg_config pkg-config)
if(pkg_config)
    set(ENV{PKG_CONFIG_PATH} "${compat}/lib/pkgconfig")
    must_run("pkg-config" "${pkg_config}" --libs --cflags jemalloc)
    if(NOT output MATCHES "-ljemalloc")
        message(FATAL_ERROR "pkg-config printed \"${output}\"")
    endif()
endif()
