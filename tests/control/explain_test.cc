// What becomes of a message, as tandemctl explain tells it.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "control/manage/rule_methods.h"

namespace control::manage {
namespace {

constexpr uint64_t kNowUs = 5000000;

class ExplainTest : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/tandem-explain-XXXXXX";
    folder_ = mkdtemp(name);
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }

  // Group g has two destinations, h behind it one; `g` and `more` are said of g and behind all.
  void configure(const std::string& g, const std::string& more = "") {
    std::string path = folder_ + "/tandem.toml";
    std::ofstream(path) << "[node]\nstate = \"" << folder_ << "\"\n"
                        << "[[port]]\ndevice = \"af_xdp:eth0\"\n"
                        << "[[listen]]\naddress = \"192.0.2.1:5060\"\n"
                        << "[[group]]\nname = \"g\"\nfallback = \"h\"\n"
                        << g
                        << "[[group.destination]]\nuri = \"sip:192.0.2.21\"\nweight = 3\n"
                           "capacity = 10\n[[group.destination]]\nuri = \"sip:192.0.2.22\"\n"
                           "[[group]]\nname = \"h\"\n"
                           "[[group.destination]]\nuri = \"sip:192.0.2.31\"\n"
                        << more;
    auto loaded = config::load(path);
    if (auto* errors = std::get_if<config::Errors>(&loaded)) FAIL() << errors->lines.front();
    exchange_ = std::make_unique<link::Exchange>(1, 64);
    live_ = std::make_unique<config::Live>(path, std::get<config::Settings>(loaded), *exchange_);
    ASSERT_EQ(live_->start({}), "");
    rpc_ = std::make_unique<Rpc>();
    add_rule_methods(*rpc_, *live_, *exchange_, [] { return kNowUs; });
  }

  link::DestinationState& state(const std::string& group, size_t place) {
    for (const link::Group& one : exchange_->config.read()->groups) {
      if (one.name == group) return exchange_->destinations.at(one.destinations[place].slot);
    }
    throw std::runtime_error(group);
  }

  Json explain(const std::string& user = "bob", int failed_with = 0) {
    std::string text = "INVITE sip:" + user +
                       "@192.0.2.1 SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n"
                       "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n"
                       "Content-Length: 0\r\n\r\n";
    return ask(text, failed_with);
  }
  Json ask(const std::string& text, int failed_with = 0) {
    Json params = {text, "192.0.2.9:5060", ""};
    if (failed_with != 0) params.push_back(failed_with);
    Json request = {{"method", "rules.explain"}, {"params", params}, {"id", 1}};
    Json reply = Json::parse(rpc_->handle(request.dump()));
    return reply.contains("result") ? reply["result"] : reply["error"];
  }
  // Of each destination its chance, or why it has none.
  static std::vector<std::string> told(const Json& result) {
    std::vector<std::string> out;
    for (const Json& one : result["destinations"]) {
      out.push_back(one.contains("chance") ? one["chance"].dump()
                                           : one["not_asked"].get<std::string>());
    }
    return out;
  }
  static sipcore::Breaker broken(sipcore::Breaker breaker) {
    sipcore::BreakerSettings settings;
    for (uint32_t i = 0; i < settings.failures; ++i) {
      breaker = breaker.failed(kNowUs / 1000, settings);
    }
    return breaker;
  }
  using Told = std::vector<std::string>;

  std::string folder_;
  std::unique_ptr<link::Exchange> exchange_;
  std::unique_ptr<config::Live> live_;
  std::unique_ptr<Rpc> rpc_;
};

// What the worker would answer or drop before any rule is asked.
TEST_F(ExplainTest, WhatPolicyStopsIsSaid) {
  configure("");
  auto verdict = [&](const std::string& line, const std::string& headers = "") {
    std::string method = line.substr(0, line.find(' '));
    std::string text = line + " SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\n" +
                       "From: <sip:a@b>;tag=1\r\nTo: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 " + method +
                       "\r\n" + headers + "Content-Length: 0\r\n\r\n";
    return ask(text)["verdict"].get<std::string>();
  };
  EXPECT_TRUE(verdict("INVITE sips:bob@192.0.2.1").starts_with("rejected: 416"));
  EXPECT_TRUE(verdict("INVITE sip:bob@192.0.2.1", "Route: <sip:192.0.2.77;lr>\r\n")
                  .starts_with("rejected: 403"));
  EXPECT_TRUE(verdict("INVITE sip:bob@192.0.2.1", "User-Agent: friendly-scanner\r\n")
                  .starts_with("dropped"));
  EXPECT_TRUE(
      verdict("INVITE sips:bob@192.0.2.1", "User-Agent: sipcli\r\n").starts_with("dropped"));
  EXPECT_TRUE(verdict("INVITE bad uri", "User-Agent: sipcli\r\n").starts_with("dropped"));
  EXPECT_TRUE(verdict("OPTIONS sip:192.0.2.1").starts_with("answered: 200"));
  EXPECT_EQ(verdict("OPTIONS sip:bob@192.0.2.1"), "sent to group g");
}

// A rule may ask whether a destination of a group sends, wherever that is now.
TEST_F(ExplainTest, WhoComesFromAGroupIsKnown) {
  configure("",
            "[[group.destination]]\nuri = \"sip:192.0.2.9:5099\"\n"
            "[[rule]]\nname = \"inbound\"\nfrom_group = \"h\"\ngroup = \"g\"\n"
            "[[rule]]\nname = \"others\"\nnot_from_group = \"h\"\nreject = 403\n");
  EXPECT_EQ(explain()["verdict"], "sent to group g");
  EXPECT_EQ(explain()["rules"][0]["name"], "inbound");
  ASSERT_EQ(live_->set({"h", "sip:192.0.2.9:5099", {}, {}}, std::nullopt), "");
  EXPECT_TRUE(explain()["verdict"].get<std::string>().starts_with("rejected: 403"));
}

TEST_F(ExplainTest, EachAlgorithmHasItsChances) {
  configure("algorithm = \"random\"\n");
  EXPECT_EQ(told(explain()), (Told{"75.0", "25.0"}));
  configure("algorithm = \"round_robin\"\n");
  EXPECT_EQ(told(explain()), (Told{"75.0", "25.0"}));
  configure("algorithm = \"parallel\"\n");
  EXPECT_EQ(told(explain()), (Told{"100.0", "100.0"}));
  configure("algorithm = \"hash\"\n");
  Told hashed = told(explain());
  std::sort(hashed.begin(), hashed.end());
  EXPECT_EQ(hashed, (Told{"100.0", "the hash says another one"}));
  configure("algorithm = \"least_calls\"\n");
  state("g", 0).calls = 5;
  EXPECT_EQ(told(explain()), (Told{"others have fewer calls", "100.0"}));
  configure("algorithm = \"least_work\"\n");
  state("g", 1).work = 7;
  EXPECT_EQ(told(explain()), (Told{"100.0", "others have less to do"}));
  configure("algorithm = \"lowest_latency\"\n");
  state("g", 0).measure(50000, kNowUs / 1000);
  EXPECT_EQ(told(explain()), (Told{"others answer sooner", "100.0"}));
}

TEST_F(ExplainTest, WhoIsNotAskedHasAReason) {
  configure("algorithm = \"random\"\n");
  state("g", 0).calls = 10;
  EXPECT_EQ(told(explain()), (Told{"it has its 10 calls", "100.0"}));
  state("g", 1).admin = link::Admin::kDraining;
  Json result = explain();
  EXPECT_EQ(result["verdict"], "sent to group h, behind g");
  EXPECT_EQ(told(result), (Told{"it has its 10 calls", "taken out", "100.0"}));
  state("h", 0).probed = link::Probed::kDown;
  result = explain();
  EXPECT_EQ(result["verdict"], "rejected: 503, group g has nobody left to ask");
  EXPECT_EQ(told(result)[2], "probes say that it is down");
}

// One whose breaker is open is asked where nobody else is left.
TEST_F(ExplainTest, BrokenOnesAreTheLastResort) {
  configure("algorithm = \"random\"\n");
  state("g", 1).change_breaker([](sipcore::Breaker breaker) { return broken(breaker); });
  EXPECT_EQ(told(explain()), (Told{"100.0", "it is broken"}));
  state("g", 0).admin = link::Admin::kDisabled;
  state("h", 0).admin = link::Admin::kDisabled;
  Json result = explain();
  EXPECT_EQ(result["verdict"], "sent to group g");
  EXPECT_EQ(told(result), (Told{"taken out", "100.0"}));
}

// Where several priorities are there, each with its own.
TEST_F(ExplainTest, PrioritiesAndSlowStartsAreTold) {
  std::string top = "[[group.destination]]\nuri = \"sip:192.0.2.20\"\npriority = 5\n";
  configure("algorithm = \"least_calls\"\n" + top);
  state("g", 0).change_breaker([](auto) { return sipcore::Breaker::closed(kNowUs / 1000); });
  Json result = explain();
  EXPECT_EQ(told(result), (Told{"100.0", "others have priority", "others have priority"}));
  EXPECT_EQ(result["destinations"][0]["note"], "it starts slowly: 10 % of that");
  configure("algorithm = \"parallel\"\n" + top);
  EXPECT_EQ(told(explain()), (Told{"100.0", "100.0", "100.0"}));
}

// Who has his share of calls is passed over for one of another priority.
TEST_F(ExplainTest, FairSharesAreToldAcrossPriorities) {
  configure(
      "algorithm = \"hash\"\nbounded_load_percent = 125\n"
      "[[group.destination]]\nuri = \"sip:192.0.2.19\"\npriority = 5\n"
      "[[group.destination]]\nuri = \"sip:192.0.2.20\"\npriority = 5\n");
  state("g", 0).change_breaker([](sipcore::Breaker breaker) { return broken(breaker); });
  state("g", 1).calls = 100;
  Told all = told(explain());
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[1], "the hash says another one, or it has its fair share");
  EXPECT_TRUE(all[2] == "100.0" || all[3] == "100.0");
}

// The hash is that of the request as it is sent.
TEST_F(ExplainTest, RulesChangeWhatIsHashed) {
  configure("hash_of = \"request_uri\"\n", "[[rule]]\nuser_prefix = \"b\"\nset_user = \"same\"\n");
  Told same = told(explain("same"));
  for (int i = 0; i < 20; ++i) EXPECT_EQ(told(explain("b" + std::to_string(i))), same);
}

TEST_F(ExplainTest, RatesOfAGroupAreForCallsAlone) {
  configure("algorithm = \"random\"\ncalls_per_s = 1\n");
  const link::CallLimit& limit = exchange_->config.read()->groups[0].limit;
  auto& rate = exchange_->destinations.at(limit.slot).call_rate;
  EXPECT_TRUE(limit.call_rate.take(rate, kNowUs * 1000));
  EXPECT_EQ(explain()["verdict"], "sent to group h, behind g");
  EXPECT_EQ(
      ask("MESSAGE sip:bob@192.0.2.1 SIP/2.0\r\n"
          "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
          "To: <sip:c@d>\r\nCall-ID: 1\r\nCSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n")["verdict"],
      "sent to group g");
}

TEST_F(ExplainTest, LimitsOfGroupsAndRulesAreSeen) {
  configure("algorithm = \"random\"\ncapacity = 1\n",
            "[[rule]]\nname = \"few\"\nuser = \"bob\"\ncapacity = 1\nrefusal = 486\n");
  EXPECT_EQ(explain()["verdict"], "sent to group g");
  uint16_t group = exchange_->config.read()->groups[0].limit.slot;
  exchange_->destinations.at(group).calls = 1;
  EXPECT_EQ(explain()["verdict"], "sent to group h, behind g");
  EXPECT_EQ(told(explain())[0], "its group has all calls that it may have");
  exchange_->destinations.at(exchange_->config.read()->rules.policies[0].limit.slot).calls = 1;
  EXPECT_EQ(explain()["verdict"], "rejected: 486, \"few\" has all that it allows");
  EXPECT_EQ(explain("anna")["verdict"], "sent to group h, behind g");
}

TEST_F(ExplainTest, FailuresAndResponsesHaveRulesToo) {
  configure("algorithm = \"random\"\n",
            "[[rule]]\nname = \"busy\"\non = \"failure\"\nstatus = 486\nuser = \"bob\"\n"
            "set_user = \"box\"\ngroup = \"h\"\n[[rule]]\nname = \"hide\"\non = \"response\"\n"
            "status = \"4xx\"\nremove_header = \"Server\"\n");
  Json failed = explain("bob", 486)["failed"];
  EXPECT_EQ(failed["rules"][0]["name"], "busy");
  EXPECT_EQ(failed["verdict"], "sent to group h");
  EXPECT_NE(failed["as"].get<std::string>().find("INVITE sip:box@"), std::string::npos);
  EXPECT_EQ(explain("bob", 480)["failed"]["verdict"], "answered with 480");
  // Nobody is asked twice, and where nobody was asked nobody has failed.
  configure("algorithm = \"random\"\n", "[[rule]]\non = \"failure\"\ngroup = \"g\"\n");
  failed = explain("bob", 486)["failed"];
  EXPECT_EQ(failed["verdict"], "sent to group h, behind g");
  EXPECT_EQ(told(failed)[0], "it was asked before");
  for (size_t i = 0; i < 2; ++i) state("g", i).admin = link::Admin::kDisabled;
  state("h", 0).admin = link::Admin::kDisabled;
  EXPECT_FALSE(explain("bob", 486).contains("failed"));
  configure("algorithm = \"random\"\n",
            "[[rule]]\nname = \"hide\"\non = \"response\"\n"
            "status = \"4xx\"\nremove_header = \"Server\"\n");
  EXPECT_FALSE(explain("bob").contains("failed"));
  EXPECT_EQ(explain("bob", 200)["code"], 400);
  Json response =
      ask("SIP/2.0 404 Not Found\r\nVia: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bK1\r\n"
          "Via: SIP/2.0/UDP 192.0.2.9:5060;branch=z9hG4bK2\r\nFrom: <sip:a@b>;tag=1\r\n"
          "To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\nServer: x\r\n"
          "Content-Length: 0\r\n\r\n");
  EXPECT_EQ(response["rules"][0]["name"], "hide");
  EXPECT_EQ(response["as"].get<std::string>().find("Server"), std::string::npos);
}

}  // namespace
}  // namespace control::manage
