// Checks of values from JavaScript. See arguments.h.

#include "arguments.h"

#include <cmath>

namespace binding {

namespace {

[[noreturn]] void refuse_type(const Napi::Env& env, const char* name, const char* expectation) {
  throw Napi::TypeError::New(env, std::string(name) + ": expected " + expectation);
}

}  // namespace

void refuse(const Napi::Env& env, const char* name, const std::string& expectation) {
  throw Napi::RangeError::New(env, std::string(name) + ": expected " + expectation);
}

double number_of(const Napi::Object& object, const char* name, Limits limits) {
  const Napi::Value value = object.Get(name);
  if (!value.IsNumber()) refuse_type(object.Env(), name, "a number");
  const double number = value.As<Napi::Number>().DoubleValue();
  // Not a number is in no range.
  if (!(number >= limits.least && number <= limits.most))
    refuse(object.Env(), name, std::to_string(limits.least) + " to " + std::to_string(limits.most));
  return number;
}

double whole_of(const Napi::Object& object, const char* name, Limits limits) {
  const double number = number_of(object, name, limits);
  if (number != std::floor(number)) refuse(object.Env(), name, "a whole number");
  return number;
}

bool flag_of(const Napi::Object& object, const char* name) {
  const Napi::Value value = object.Get(name);
  if (!value.IsBoolean()) refuse_type(object.Env(), name, "a boolean");
  return value.As<Napi::Boolean>().Value();
}

std::string text_of(const Napi::Object& object, const char* name, std::size_t bytes_max) {
  const Napi::Value value = object.Get(name);
  if (!value.IsString()) refuse_type(object.Env(), name, "a string");
  std::string text = value.As<Napi::String>().Utf8Value();
  if (text.empty() || text.size() > bytes_max || text.find('\0') != std::string::npos)
    refuse(object.Env(), name, "1 to " + std::to_string(bytes_max) + " bytes without NUL");
  return text;
}

Napi::Object object_of(const Napi::Object& object, const char* name) { return object_of(object.Env(), object.Get(name), name); }

Napi::Object object_of(const Napi::Env& env, const Napi::Value& value, const char* name) {
  if (!value.IsObject()) refuse_type(env, name, "an object");
  return value.As<Napi::Object>();
}

std::vector<Napi::Value> items_of(const Napi::Object& object, const char* name, std::uint32_t most) {
  const Napi::Value value = object.Get(name);
  if (!value.IsArray()) refuse_type(object.Env(), name, "an array");
  const auto array = value.As<Napi::Array>();
  const std::uint32_t count = array.Length();
  if (count > most) refuse(object.Env(), name, "at most " + std::to_string(most));
  std::vector<Napi::Value> items;
  for (std::uint32_t i = 0; i < count; i++) items.push_back(array.Get(i));
  return items;
}

bool is_text(const Napi::Object& object, const char* name, const char* text) {
  const Napi::Value value = object.Get(name);
  return value.IsString() && value.As<Napi::String>().Utf8Value() == text;
}

bool is_absent(const Napi::Object& object, const char* name) { return object.Get(name).IsUndefined(); }

}  // namespace binding
