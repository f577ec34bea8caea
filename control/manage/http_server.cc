#include "control/manage/http_server.h"

#include <fmt/format.h>
#include <openssl/crypto.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <boost/beast/ssl.hpp>
#include <optional>

#include "control/manage/accept.h"
#include "control/manage/page.h"
#include "control/manage/rpc.h"

namespace control::manage {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using Request = http::request<http::string_body>;
using Response = http::response<http::string_body>;

namespace {

constexpr auto kPatience = std::chrono::seconds(15);  // with a client that neither asks nor reads
constexpr uint32_t kMostHeader = 8192;
constexpr const char* kText = "text/plain; charset=utf-8";

// The length of a token is no secret, its bytes are.
bool same_secret(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

// A page of somebody else, whose name was made to mean our address, must not read what is open to
// those on this machine: such a name is in Host.
bool names_no_other_site(std::string_view host) {
  std::string_view name = host.substr(0, host.rfind(':'));
  return sipcore::parse_endpoint(host, 80) || name == "localhost" || host == "localhost";
}

}  // namespace

struct HttpServer::State {
  State(asio::io_context& io, Site site_) : connections(io), site(std::move(site_)) {}

  bool has_token(const Request& request) const {
    constexpr std::string_view kBearer = "Bearer ";
    auto field = request[http::field::authorization];
    std::string_view value(field.data(), field.size());
    if (token.empty() || !value.starts_with(kBearer)) return false;
    return same_secret(value.substr(kBearer.size()), token);
  }
  bool may_read(const Request& request) const {
    auto host = request[http::field::host];
    bool named = !loopback || names_no_other_site({host.data(), host.size()});
    return has_token(request) || (open_reading && named);
  }

  Acceptor<tcp> connections;
  Site site;
  std::string token;
  bool open_reading = false;
  bool loopback = false;
  std::optional<asio::ssl::context> tls;
  size_t clients = 0;
};

namespace {

Response response(const Request& request, http::status status, std::string body,
                  std::string_view type) {
  Response out(status, request.version());
  out.set(http::field::content_type, beast::string_view(type.data(), type.size()));
  out.set(http::field::cache_control, "no-store");
  out.set("X-Content-Type-Options", "nosniff");
  out.set("X-Frame-Options", "DENY");
  out.set("Referrer-Policy", "no-referrer");
  out.set("Content-Security-Policy",
          "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
          "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  if (status == http::status::unauthorized) out.set(http::field::www_authenticate, "Bearer");
  // What is behind a request that was not read to its end is no request.
  out.keep_alive(request.keep_alive() && status == http::status::ok);
  out.body() = std::move(body);
  out.prepare_payload();
  return out;
}

// One connection. Lives as long as an operation of it is under way.
template <class Stream, class State>
class Session : public std::enable_shared_from_this<Session<Stream, State>> {
 public:
  template <class... Arguments>
  explicit Session(std::shared_ptr<State> state, Arguments&&... arguments)
      : state_(std::move(state)), stream_(std::forward<Arguments>(arguments)...) {
    ++state_->clients;
  }
  ~Session() { --state_->clients; }

  void start() {
    beast::get_lowest_layer(stream_).expires_after(kPatience);
    if constexpr (std::is_same_v<Stream, beast::tcp_stream>) {
      read();
    } else {
      stream_.async_handshake(asio::ssl::stream_base::server,
                              [self = this->shared_from_this()](beast::error_code error) {
                                if (!error) self->read();
                              });
    }
  }

 private:
  void read() {
    beast::get_lowest_layer(stream_).expires_after(kPatience);
    parser_.emplace();
    parser_->header_limit(kMostHeader);
    parser_->body_limit(Rpc::kMostRequest);
    http::async_read(stream_, buffer_, *parser_,
                     [self = this->shared_from_this()](beast::error_code error, size_t) {
                       if (!error) return self->handle();
                       if (error == http::error::body_limit) {
                         self->answer(http::status::payload_too_large, "too long\n", kText);
                       }
                     });
  }

  void answer(http::status status, std::string body, std::string_view type) {
    beast::get_lowest_layer(stream_).expires_after(kPatience);
    response_ = response(parser_->get(), status, std::move(body), type);
    http::async_write(stream_, response_,
                      [self = this->shared_from_this()](beast::error_code error, size_t) {
                        if (!error && self->response_.keep_alive()) self->read();
                      });
  }

  // For what control has to be asked: it may take as long as control does.
  HttpServer::Reply later(std::string_view type) {
    beast::get_lowest_layer(stream_).expires_never();
    return [self = this->shared_from_this(), type](std::string text) {
      self->answer(http::status::ok, std::move(text), type);
    };
  }

  void handle() {
    const Request& request = parser_->get();
    std::string_view target(request.target().data(), request.target().size());
    std::string_view path = target.substr(0, target.find('?'));
    if (path == "/RPC") return handle_rpc(request);
    if (request.method() != http::verb::get) {
      return answer(http::status::method_not_allowed, "GET, or POST /RPC\n", kText);
    }
    for (const PageFile& file : kPageFiles) {
      if (file.path == path) return answer(http::status::ok, std::string(file.text), file.type);
    }
    if (path == "/health") {
      return state_->site.health([self = this->shared_from_this()](std::string fault) {
        auto status = fault.empty() ? http::status::ok : http::status::service_unavailable;
        self->answer(status, fault.empty() ? "well\n" : fault + "\n", kText);
      });
    }
    bool known = path == "/live" || path == "/metrics";
    if (!known) return answer(http::status::not_found, "no such page\n", kText);
    if (!state_->may_read(request)) {
      return answer(http::status::unauthorized, "the token is wanted\n", kText);
    }
    if (path == "/live") return state_->site.live(later("application/json"));
    state_->site.metrics(later("text/plain; version=0.0.4; charset=utf-8"));
  }

  void handle_rpc(const Request& request) {
    if (request.method() != http::verb::post) {
      return answer(http::status::method_not_allowed, "POST\n", kText);
    }
    if (!state_->has_token(request)) {
      return answer(http::status::unauthorized,
                    state_->token.empty() ? "there is no token_file: nothing can be asked here\n"
                                          : "the token is wanted\n",
                    kText);
    }
    state_->site.rpc(request.body(), later("application/json"));
  }

  std::shared_ptr<State> state_;
  Stream stream_;
  beast::flat_buffer buffer_;
  std::optional<http::request_parser<http::string_body>> parser_;
  Response response_;
};

}  // namespace

HttpServer::HttpServer(asio::io_context& io, Site site)
    : state_(std::make_shared<State>(io, std::move(site))) {}

HttpServer::~HttpServer() = default;

void HttpServer::allow(const config::ManagementSettings& settings) {
  state_->token = settings.token;
  state_->open_reading = settings.open_reading;
}

std::string HttpServer::open(const config::ManagementSettings& settings) {
  if (settings.http.port == 0) return {};
  allow(settings);
  state_->loopback = settings.http.ip.loopback();
  std::string text = sipcore::to_string(settings.http);
  boost::system::error_code error;
  if (!settings.tls_certificate.empty()) {
    state_->tls.emplace(asio::ssl::context::tls_server);
    state_->tls->set_options(asio::ssl::context::default_workarounds |
                             asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
    state_->tls->use_certificate_chain_file(settings.tls_certificate, error);
    if (error) return settings.tls_certificate + ": " + error.message();
    state_->tls->use_private_key_file(settings.tls_key, asio::ssl::context::pem, error);
    if (error) return settings.tls_key + ": " + error.message();
  }
  char ip[sipcore::kIpTextMost + 8];
  std::string bare(sipcore::format_ip(settings.http.ip, ip));
  if (bare.front() == '[') bare = bare.substr(1, bare.size() - 2);
  tcp::endpoint endpoint(asio::ip::make_address(bare), settings.http.port);
  tcp::acceptor& acceptor = state_->connections.acceptor;
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(asio::socket_base::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(16, error);
  if (error) return fmt::format("http {} of [management]: {}", text, error.message());
  state_->connections.accept([this](tcp::socket socket) {
    if (state_->clients == kMostClients) return;
    if (state_->tls) {
      using Stream = beast::ssl_stream<beast::tcp_stream>;
      std::make_shared<Session<Stream, State>>(state_, std::move(socket), *state_->tls)->start();
    } else {
      std::make_shared<Session<beast::tcp_stream, State>>(state_, std::move(socket))->start();
    }
  });
  return {};
}

}  // namespace control::manage
