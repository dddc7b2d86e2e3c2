# GranaryLibrary.cmake — a shared and a static library out of a module and all that it stands on.
#
# granary_library(<target> <output name> <version script> <module>)
#   Targets <target> and <target>_static. Linked by the C driver: the C++ runtime is not needed.
#
# granary_archive(<target> <output name> <module>), granary_shared(<target> <output name> <version script> <module>)
#   One of the two.

# CMake would hand the C++ compiler's default libraries to the C driver.
set(CMAKE_CXX_IMPLICIT_LINK_LIBRARIES "")

function(granary_fill_library target name module)
    granary_link_modules(${target} ${module})
    target_include_directories(${target} INTERFACE
        "$<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/modules/capi/include>"
        "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
    set_target_properties(${target} PROPERTIES
        OUTPUT_NAME ${name}
        LINKER_LANGUAGE C
        LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib"
        ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
endfunction()

function(granary_archive target name module)
    add_library(${target} STATIC)
    granary_fill_library(${target} ${name} ${module})
endfunction()

function(granary_shared target name map module)
    add_library(${target} SHARED)
    granary_fill_library(${target} ${name} ${module})
    set_target_properties(${target} PROPERTIES
        VERSION ${PROJECT_VERSION}
        SOVERSION 1
        LINK_DEPENDS "${map}")
    target_link_options(${target} PRIVATE
        "LINKER:--version-script=${map}"
        # Calls inside the library are direct; a program's own malloc does not get between them.
        LINKER:-Bsymbolic-functions
        # No lazy binding inside malloc, and nothing writable that need not be.
        LINKER:-z,now,-z,relro,-z,nodelete)
    granary_layout(${target})
    # Everything is there at link time; sanitizers, though, leave their runtime to the program.
    if(NOT GRANARY_SANITIZE)
        target_link_options(${target} PRIVATE LINKER:-z,defs)
    endif()
endfunction()

function(granary_library target name map module)
    granary_shared(${target} ${name} "${map}" ${module})
    granary_archive(${target}_static ${name} ${module})
endfunction()
