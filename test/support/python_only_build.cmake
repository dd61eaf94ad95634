# For CMAKE_PROJECT_INCLUDE: builds a message package that knows nothing of tests without code for C++.
set(PYTHON_ONLY "${CMAKE_CURRENT_LIST_DIR}/interfaces/python_only.cmake")

macro(find_package)
  _find_package(${ARGV})
  include(${PYTHON_ONLY})
endmacro()
