# GranaryInstall.cmake — header, libraries, CMake package and pkg-config files.
include(CMakePackageConfigHelpers)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/granary")

set_target_properties(granary_static PROPERTIES EXPORT_NAME static)
set_target_properties(granary_malloc PROPERTIES EXPORT_NAME override)
set_target_properties(granary_malloc_static PROPERTIES EXPORT_NAME override_static)
set_target_properties(granary_rjem_static PROPERTIES EXPORT_NAME rjem_static)
install(TARGETS granary granary_static granary_malloc granary_malloc_static granary_rjem_static
        EXPORT granaryTargets
        LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}"
        ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(FILES include/granary/granary.h DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/granary")
install(EXPORT granaryTargets NAMESPACE granary:: DESTINATION "${package_dir}")

configure_package_config_file(granaryConfig.cmake.in granaryConfig.cmake
    INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(granaryConfigVersion.cmake
    VERSION ${PROJECT_VERSION} COMPATIBILITY SameMinorVersion)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/granaryConfig.cmake"
              "${CMAKE_CURRENT_BINARY_DIR}/granaryConfigVersion.cmake"
        DESTINATION "${package_dir}")

# Relative to where the file lies, so that an installation can be moved.
file(RELATIVE_PATH pkgconfig_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
# pkg-config --static is about dependencies; linkers take the shared library all the same. Hence
# packages of their own for the archives.
foreach(library IN ITEMS granary granary_malloc)
    foreach(kind IN ITEMS shared static)
        set(package ${library})
        set(link "-l${library}")
        if(kind STREQUAL "static")
            string(APPEND package "_static")
            set(link "-l:lib${library}.a -pthread")
        endif()
        configure_file(granary.pc.in ${package}.pc @ONLY)
        install(FILES "${CMAKE_CURRENT_BINARY_DIR}/${package}.pc"
                DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
    endforeach()
endforeach()
