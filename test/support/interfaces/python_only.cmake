# What both stand-ins need before rosidl_generate_interfaces().

# The tests are in Python: code for C++ would take half of the time to build and be used by nobody.
list(FILTER AMENT_EXTENSIONS_rosidl_generate_idl_interfaces EXCLUDE REGEX
  "^rosidl_(generator|typesupport|typesupport_fastrtps|typesupport_introspection)_cpp:")

# The ROS wheels on PyPI export include folders of the machine that built them (/opt/python/...).
# CMake refuses imported targets with include folders that do not exist, so drop those. On an
# ordinary ROS installation every folder exists and nothing changes.
foreach(package builtin_interfaces service_msgs std_msgs geometry_msgs)
  set(target ${package}::${package}__rosidl_generator_py)
  if(TARGET ${target})
    get_target_property(folders ${target} INTERFACE_INCLUDE_DIRECTORIES)
    if(folders)
      list(FILTER folders EXCLUDE REGEX "^/opt/python/")
      set_target_properties(${target} PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${folders}")
    endif()
  endif()
endforeach()
