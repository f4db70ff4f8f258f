// Checks of values from JavaScript. Each takes what it expects or throws a TypeError or RangeError whose text begins with the name; what a getter
// throws passes through.

#pragma once

#include <napi.h>

#include <string>
#include <vector>

namespace binding {

struct Limits {
  double least;
  double most;
};

double number_of(const Napi::Object& object, const char* name, Limits limits);
double whole_of(const Napi::Object& object, const char* name, Limits limits);
bool flag_of(const Napi::Object& object, const char* name);
// At least one byte, at most `bytes_max`, and no NUL.
std::string text_of(const Napi::Object& object, const char* name, std::size_t bytes_max);
Napi::Object object_of(const Napi::Object& object, const char* name);
Napi::Object object_of(const Napi::Env& env, const Napi::Value& value, const char* name);
// As many as there are at first: a getter may make the array longer while it is read, or shorter, and what is missing then is undefined.
std::vector<Napi::Value> items_of(const Napi::Object& object, const char* name, std::uint32_t most);
bool is_text(const Napi::Object& object, const char* name, const char* text);
bool is_absent(const Napi::Object& object, const char* name);

[[noreturn]] void refuse(const Napi::Env& env, const char* name, const std::string& expectation);

}  // namespace binding
