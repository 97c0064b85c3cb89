# cmake --install: headers, both libraries, the package that find_package(Diptych) finds.
# Two export sets, so that Diptych::diptych alone asks nothing of LLVM.
include(CMakePackageConfigHelpers)

set(package_folder "${CMAKE_INSTALL_LIBDIR}/cmake/Diptych")

if(TARGET diptych)
  install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING PATTERN "*.h")
  install(DIRECTORY "${PROJECT_BINARY_DIR}/include/" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
    FILES_MATCHING PATTERN "*.inc")
  set_target_properties(diptych PROPERTIES INSTALL_RPATH "$ORIGIN")
  install(TARGETS diptych EXPORT DiptychTargets)
  install(EXPORT DiptychTargets NAMESPACE Diptych:: DESTINATION "${package_folder}")
  install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

  configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/DiptychConfig.cmake.in"
    "${PROJECT_BINARY_DIR}/DiptychConfig.cmake" INSTALL_DESTINATION "${package_folder}")
  write_basic_package_version_file("${PROJECT_BINARY_DIR}/DiptychConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
  install(FILES "${PROJECT_BINARY_DIR}/DiptychConfig.cmake" "${PROJECT_BINARY_DIR}/DiptychConfigVersion.cmake"
    "${PROJECT_SOURCE_DIR}/cmake/DiptychModel.cmake"
    DESTINATION "${package_folder}")
endif()

if(TARGET diptych-compiler)
  # LLVM's folder is the one found here: it is rarely among the loader's own.
  set_target_properties(diptych-compiler PROPERTIES INSTALL_RPATH "$ORIGIN;${LLVM_LIBRARY_DIR}")
  install(TARGETS diptych-compiler EXPORT DiptychCompilerTargets)
  install(EXPORT DiptychCompilerTargets NAMESPACE Diptych:: DESTINATION "${package_folder}")
endif()

foreach(tool IN ITEMS diptych-cli diptych-opt)
  if(TARGET ${tool})
    file(RELATIVE_PATH libraries "/${CMAKE_INSTALL_BINDIR}" "/${CMAKE_INSTALL_LIBDIR}")
    set_target_properties(${tool} PROPERTIES INSTALL_RPATH "$ORIGIN/${libraries};${LLVM_LIBRARY_DIR}")
    install(TARGETS ${tool})
  endif()
endforeach()

if(TARGET diptych-cli-pages)
  install(DIRECTORY "${PROJECT_BINARY_DIR}/share/" DESTINATION "${CMAKE_INSTALL_DATADIR}")
endif()

# pkg-config, found from where the file lies, so that an installation may be moved.
file(RELATIVE_PATH PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" PC_PREFIX "${PC_PREFIX}")
function(diptych_pkg_config library requires private description)
  if(TARGET ${library})
    set(PC_NAME ${library})
    set(PC_REQUIRES "${requires}")
    set(PC_PRIVATE "${private}")
    set(PC_DESCRIPTION "${description}")
    configure_file("${PROJECT_SOURCE_DIR}/cmake/diptych.pc.in" "${PROJECT_BINARY_DIR}/${library}.pc" @ONLY)
    install(FILES "${PROJECT_BINARY_DIR}/${library}.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
  endif()
endfunction()
diptych_pkg_config(diptych "" "-lz -lpthread -ldl" "Tensors with derivatives of any order, run eagerly on a tape")
diptych_pkg_config(diptych-compiler "diptych" "${DIPTYCH_LLVM_LIBRARIES}" "Diptych's compiler: jit, saved functions, artefacts")

install(FILES "${PROJECT_SOURCE_DIR}/python/diptych_loader.py" DESTINATION "${CMAKE_INSTALL_DATADIR}/diptych")

include(DiptychPackage)
