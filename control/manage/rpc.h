// JSON-RPC 2.0 with the method names and reply shapes that users of Kamailio know. This part only
// turns a request text into a reply text; where requests come from is not its business.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace control::manage {

using Json = nlohmann::ordered_json;

// What a method throws to answer with an error; Kamailio's codes: 400 bad parameters, 404 unknown
// object, 500 failed.
struct RpcError {
  int code;
  std::string message;
};

// Throws the sentence of what could not be done; empty: it was done.
inline void done_or_throw(const std::string& fault, int code = 500) {
  if (!fault.empty()) throw RpcError{code, fault};
}

// Of params that are [AFTER]: only what has a higher number; without it everything.
inline uint64_t after_of(const Json& params) {
  if (!params.is_array() || params.empty()) return 0;
  if (!params[0].is_number_unsigned()) throw RpcError{400, "params are [AFTER]"};
  return params[0];
}

// Valid UTF-8 whatever a peer has put into a name.
std::string text_of(const Json& reply);

struct Answer {
  std::string text;
  bool follows = false;  // the connection it goes to is told of events from now on
};

class Rpc {
 public:
  static constexpr size_t kMostRequest = 65536;  // bytes

  // `method` gets the params (an array, or null) and returns the result.
  void add(std::string name, std::string help, std::function<Json(const Json& params)> method);

  // One whose result begins a stream of events.
  void add_following(std::string name, std::string help,
                     std::function<Json(const Json& params)> method);

  // The result of a method by its name, which there must be; throws RpcError as methods do.
  Json run(const std::string& method, const Json& params) const {
    return methods_.at(method).run(params);
  }

  // Never throws; every request text gets a reply text.
  Answer answer(std::string_view request) const;
  std::string handle(std::string_view request) const { return answer(request).text; }

  // What is told of an event, as a notification of JSON-RPC 2.0.
  static std::string notification(const std::string& name, Json event);

 private:
  struct Method {
    std::string help;
    std::function<Json(const Json&)> run;
    bool follows = false;
  };
  Json call(const Json& request, bool& follows) const;
  std::map<std::string, Method> methods_;
};

}  // namespace control::manage
