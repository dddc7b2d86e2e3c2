# GranaryLibrary.cmake — a shared and a static library out of a module and all that it stands on.
#
# granary_library(<target> <output name> <version script> <module>)
#   Targets <target> and <target>_static. Linked by the C driver: the C++ runtime is not needed.

# CMake would hand the C++ compiler's default libraries to the C driver.
set(CMAKE_CXX_IMPLICIT_LINK_LIBRARIES "")

function(granary_library target name map module)
    set(map "${CMAKE_CURRENT_SOURCE_DIR}/${map}")
    add_library(${target} SHARED)
    add_library(${target}_static STATIC)
    foreach(library IN ITEMS ${target} ${target}_static)
        granary_link_modules(${library} ${module})
        target_include_directories(${library} INTERFACE
            "$<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}/include>"
            "$<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>")
        set_target_properties(${library} PROPERTIES
            OUTPUT_NAME ${name}
            LINKER_LANGUAGE C
            LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib"
            ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/lib")
    endforeach()
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
    # Everything is there at link time; sanitizers, though, leave their runtime to the program.
    if(NOT GRANARY_SANITIZE)
        target_link_options(${target} PRIVATE LINKER:-z,defs)
    endif()
endfunction()
