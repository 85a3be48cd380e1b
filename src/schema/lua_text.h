// Values as Lua prints them, for messages that must read as APISIX's do.
#pragma once

#include <string>
#include <string_view>

namespace pylon::schema {

std::string lua_number(double value);           // "%.14g"
std::string lua_quoted(std::string_view text);  // string.format("%q"), LuaJIT's form

}  // namespace pylon::schema
