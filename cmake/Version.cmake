# convtune_find_version(NUMBER): sets CONVTUNE_VERSION to what a build of these sources calls itself.
# NUMBER is the release that they are or will be; the tag vNUMBER makes a commit that release:
#   0.2.0                the commit tagged v0.2.0
#   0.2.0+3.gHASH        the third commit after it
#   0.2.0.dev5+gHASH     not released yet: the fifth commit after the release before, or of all
#   0.2.0.dev0+unknown   the same, where nothing tells the commit
# Python orders them: dev, release, what came after it. A commit that is tagged as another release than
# NUMBER is refused. CMake configures again after a commit or a tag.
#
# cmake/archived.txt tells the commit in what `git archive` made: "COMMIT TAG", "COMMIT TAG-COUNT-gHASH",
# or "COMMIT " before the first tag. In a checkout it holds the format in which git tells the same.
function(convtune_find_version number)
  set(source ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/..)
  set(git git -c log.showSignature=false -C ${source})
  set(quietly OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(count 0)
  file(STRINGS ${source}/cmake/archived.txt told)
  # Without the second condition git would answer for a project around this one.
  if(told MATCHES "^[$]Format:(.*)[$]$" AND EXISTS ${source}/.git)
    execute_process(COMMAND ${git} log -1 --format=${CMAKE_MATCH_1} OUTPUT_VARIABLE told ${quietly})
    execute_process(COMMAND ${git} rev-list --count HEAD OUTPUT_VARIABLE count ${quietly})
    foreach(name logs/HEAD refs/tags)
      execute_process(COMMAND ${git} rev-parse --git-path ${name} OUTPUT_VARIABLE path ${quietly})
      if(NOT path)  # git is not there, or refuses a checkout of somebody else
        break()
      endif()
      cmake_path(ABSOLUTE_PATH path BASE_DIRECTORY ${source})
      if(EXISTS ${path} AND NOT CMAKE_SCRIPT_MODE_FILE)
        set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${path})
      endif()
    endforeach()
  endif()

  set(hash unknown)
  if(told MATCHES "^([0-9a-f]+)")
    string(SUBSTRING ${CMAKE_MATCH_1} 0 12 hash)
    string(PREPEND hash g)
  else()
    set(count 0)
  endif()
  set(tagged "")
  if(told MATCHES " v([0-9.]+)(-([0-9]+)-g)?")
    set(tagged ${CMAKE_MATCH_1})
    set(count 0${CMAKE_MATCH_3})
    math(EXPR count "${count}")
  endif()
  if(tagged AND count EQUAL 0 AND NOT tagged STREQUAL number)
    message(FATAL_ERROR "The commit is tagged v${tagged}, but CMakeLists.txt has VERSION ${number}: "
      "correct one of them")
  endif()
  set(version ${number}.dev${count}+${hash})
  if(tagged STREQUAL number)
    set(version ${number})
    if(count GREATER 0)
      string(APPEND version +${count}.${hash})
    endif()
  endif()
  message(STATUS "Version ${version}")
  set(CONVTUNE_VERSION ${version} PARENT_SCOPE)
endfunction()

if(CMAKE_SCRIPT_MODE_FILE STREQUAL CMAKE_CURRENT_LIST_FILE)
  cmake_policy(VERSION 3.25)
  convtune_find_version(${NUMBER})
endif()
