#include "control/manage/rpc.h"

#include <algorithm>

namespace control::manage {
namespace {

Json error_reply(const Json& id, int code, const std::string& message) {
  return {{"jsonrpc", "2.0"}, {"error", {{"code", code}, {"message", message}}}, {"id", id}};
}

constexpr int kMostDepth = 16;  // nesting costs the parser stack

// The deepest nesting of arrays and objects; brackets in strings are text.
int depth_of(std::string_view request) {
  int depth = 0, deepest = 0;
  bool quoted = false;
  for (size_t i = 0; i < request.size(); ++i) {
    char c = request[i];
    if (c == '"') quoted = !quoted;
    if (quoted && c == '\\') ++i;
    if (quoted) continue;
    depth += c == '[' || c == '{' ? 1 : c == ']' || c == '}' ? -1 : 0;
    deepest = std::max(deepest, depth);
  }
  return deepest;
}

}  // namespace

std::string text_of(const Json& reply) {
  return reply.dump(-1, ' ', false, Json::error_handler_t::replace);
}

void Rpc::add(std::string name, std::string help, std::function<Json(const Json&)> method) {
  methods_[std::move(name)] = {std::move(help), std::move(method)};
}

void Rpc::add_following(std::string name, std::string help,
                        std::function<Json(const Json&)> method) {
  methods_[std::move(name)] = {std::move(help), std::move(method), true};
}

std::string Rpc::notification(const std::string& name, Json event) {
  return text_of({{"jsonrpc", "2.0"}, {"method", name}, {"params", std::move(event)}});
}

Answer Rpc::answer(std::string_view request) const {
  auto refused = [](int code, const char* why) {
    return Answer{text_of(error_reply(nullptr, code, why))};
  };
  if (request.size() > kMostRequest) return refused(-32600, "Request too long");
  if (depth_of(request) > kMostDepth) return refused(-32600, "Request nested too deeply");
  Json parsed = Json::parse(request, nullptr, false);
  if (parsed.is_discarded()) return refused(-32700, "Parse error");
  Answer out;
  out.text = text_of(call(parsed, out.follows));
  return out;
}

Json Rpc::call(const Json& request, bool& follows) const {
  bool valid = request.is_object() && request.contains("method") && request["method"].is_string();
  if (!valid) return error_reply(nullptr, -32600, "Invalid Request");
  Json id = request.value("id", Json(nullptr));
  Json params = request.value("params", Json(nullptr));
  if (!params.is_null() && !params.is_array()) {
    return error_reply(id, 400, "params is an array");
  }
  std::string name = request["method"];
  if (name == "system.listMethods") {
    Json names = Json::array();
    for (const auto& [known, method] : methods_) names.push_back(known);
    return {{"jsonrpc", "2.0"}, {"result", names}, {"id", id}};
  }
  auto method = methods_.find(name);
  if (method == methods_.end()) return error_reply(id, 500, "Method Not Found");
  try {
    Json result = method->second.run(params);
    follows = method->second.follows;
    return {{"jsonrpc", "2.0"}, {"result", std::move(result)}, {"id", id}};
  } catch (const RpcError& fault) {
    return error_reply(id, fault.code, fault.message);
  }
}

}  // namespace control::manage
