#include <fstream>
#include <map>
#include <sstream>

#include "control/config/restart.h"
#include "control/config/rule_words.h"
#include "tests/control/config_fixture.h"

namespace control::config {
namespace {

// The line that "file:line:column: text" speaks of.
std::string line_named_by(const std::string& error, const std::string& text) {
  std::istringstream lines(text);
  std::string line;
  for (int left = std::stoi(error.substr(error.find(':') + 1)); left > 0; --left) {
    std::getline(lines, line);
  }
  return line;
}

std::string first_error(const std::string& text) {
  auto result = parse(text, "f.toml");
  auto* errors = std::get_if<Errors>(&result);
  return errors == nullptr ? "" : errors->lines.front();
}

TEST(Config, MinimalFileAndItsDefaults) {
  auto result = parse(kGood, "f.toml");
  ASSERT_TRUE(std::holds_alternative<Settings>(result));
  const Settings& settings = std::get<Settings>(result);
  EXPECT_EQ(settings.workers, 1u);
  EXPECT_EQ(settings.groups[0].destinations[0].endpoint.port, 5060);
  EXPECT_EQ(settings.timers.t1_ms, 500u);
}

TEST(Config, ReferenceFileHasEveryKeyAndIsGood) {
  auto result = load(std::string(TANDEM_SOURCE) + "/conf/tandem.toml");
  if (auto* errors = std::get_if<Errors>(&result)) FAIL() << errors->lines.front();
}

// conf/README.md has a table of every key; this finds one that is missing there.
TEST(Config, TableOfKeysIsComplete) {
  auto read = [](const char* name) {
    std::ifstream file(std::string(TANDEM_SOURCE) + name);
    return std::string(std::istreambuf_iterator<char>(file), {});
  };
  std::string table = read("/conf/README.md"), keys = read("/conf/tandem.toml");
  std::istringstream lines(keys);
  size_t found = 0;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ")) line.erase(0, 2);
    std::string key = line.substr(0, line.find(" = "));
    if (key == line || key.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789_") != key.npos) {
      continue;
    }
    ++found;
    EXPECT_NE(table.find("| `" + key + "` |"), table.npos) << key;
  }
  EXPECT_GT(found, 60u);
}

TEST(Config, EachErrorSaysWhereAndWhatWouldBeRight) {
  std::string good(kGood);
  EXPECT_EQ(first_error(good + "[timers]\nt1_ms = \"soon\"\n"),
            "f.toml:11:9: t1_ms is a whole number from 10 to 10000");
  EXPECT_EQ(first_error(good + "[timers]\nt1 = 5\n").substr(0, 45),
            "f.toml:11:1: [timers] has no key \"t1\"; it has");
  EXPECT_EQ(first_error("[node]\nidle = \"fast\"\n" + good),
            "f.toml:2:8: idle is one of \"auto\", \"spin\", \"pause\", \"sleep\"");
  EXPECT_EQ(first_error(good + "[[group]]\nname = \"g\"\n"),
            "f.toml:11:8: this group name is used twice");
  EXPECT_TRUE(first_error("[node\n").starts_with("f.toml:1:6: "));
  EXPECT_TRUE(first_error("").find("no [[port]]") != std::string::npos);
  // A rule's own destination is not where everything else goes.
  std::string no_group(good.substr(0, good.find("[[group]]")));
  EXPECT_NE(first_error(no_group + "[[rule]]\nsend_to = \"sip:192.0.2.7\"\n").find("no [[group]]"),
            std::string::npos);
}

// What is wrong with one of a list is told there, and once.
TEST(Config, OneOfAListIsToldAtItsOwnPlace) {
  const std::pair<const char*, const char*> kWrong[] = {
      {"[protect]\nscanners = [\n\"abc\",\n\"a\",\n]\n", "\"a\","},
      {"[protect]\ndenied = [\n\"198.51.100.0/24\",\n5,\n]\n", "5,"},
      {"[[group]]\nname = \"h\"\nfailover_codes = [\n503,\n603,\n]\n", "603,"},
      {"[[rule]]\nuser_regex = [\n\"a\",\n\"(\",\n]\n", "\"(\","},
      {"[[rule]]\n[rule.header]\nX-A = \"a\"\nX-B = [\n\"b\",\n\"\\u0001\",\n]\n", "\"\\u0001\","}};
  for (const auto& [more, line] : kWrong) {
    std::string text = std::string(kGood) + more;
    auto result = parse(text, "f.toml");
    auto* errors = std::get_if<Errors>(&result);
    ASSERT_TRUE(errors != nullptr) << more;
    EXPECT_EQ(errors->lines.size(), 1u) << errors->lines.back();
    EXPECT_EQ(line_named_by(errors->lines.front(), text), line) << errors->lines.front();
  }
}

TEST(Config, BadValuesOfEveryKindAreRefused) {
  for (const char* more :
       {"[[rule]]\nsource = []\ndrop = true\n",
        "[[listen]]\naddress = \"192.0.2.3\"\nproxy_protocol_from = [\"192.0.2.0/28\"]\n",
        "[[listen]]\naddress = \"192.0.2.3\"\nproxy_protocol_from = [\"balancer\"]\n",
        "[[listen]]\naddress = \"192.0.2.3\"\nadvertise = \"sip.example.com\"\n",
        "[[listen]]\naddress = \"192.0.2.3\"\nadvertise = \"[2001:db8::1]:5060\"\n",
        "[[rule]]\nmethod = []\n",
        "[[rule]]\nnot_user = []\n",
        "[[rule]]\ntime = []\n",
        "[[rule]]\nmarked = []\n",
        "[[rule]]\nsource_port = []\n",
        "[[rule]]\nheader = {}\n",
        "[[rule]]\nheader = { X = [] }\n",
        "[[rule]]\nheader = { mark = [] }\n",
        "[[rule]]\nfrom_group = \"\"\n",
        "[[port]]\ndevice = \"af_xdp:eth0\"\n",
        "[[port]]\ndevice = \"af_packet:eth0\"\n",
        "[[port]]\ndevice = \"af_xdp:\"\n",
        "[[port]]\ndevice = \"af_xdp:../../x\"\n",
        "[[port]]\ndevice = \"af_xdp:eth1,queue_count=5\"\n",
        "[[port]]\ndevice = \"memif:\"\n",
        "[[port]]\ndevice = \"0000:03:00\"\n",
        "[[port]]\ndevice = \"memif:/run/m\"\ntwin = \"tandem0\"\n",
        "[protect]\ndenied_file = \"/tmp\"\n",
        "[protect]\ndenied = [\"192.0.2.0/24\"]\n",
        "[management]\ntoken_file = \"/tmp\"\n",
        "[[listen]]\naddress = \"0.0.0.0:5060\"\n",
        "[[listen]]\naddress = \"192.0.2.1:99999\"\n",
        "[[listen]]\naddress = \"192.0.2.2\"\nport = \"af_xdp:other\"\n",
        "[[listen]]\naddress = \"192.0.2.1:5060\"\n",
        "[[port]]\ndevice = \"eth0\"\n",
        "[[group.destination]]\nuri = \"sip:example..com\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.256\"\n",
        "[node]\nname_servers = [\"dns.example.com\"]\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.9:5060\"\n",
        "[[group.destination]]\nuri = \"sip:255.255.255.255\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.1:5060\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.8\"\nweight = -1\n",
        "[limits]\npackets = 1\n",
        "[management]\nsocket = \"relative\"\n",
        "[node]\ncpus = [1, 2]\n",
        "node = 3\n",
        "[timers]\ntimer_c_ms = 1000\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.8;transport=tcp\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.8\"\nlisten = \"192.0.2.7\"\n",
        "[[group.destination]]\nuri = \"sip:192.0.2.8\"\nlisten = \"here\"\n",
        "[[group.destination]]\nuri = \"sip:[2001:db8::8]\"\nlisten = \"192.0.2.1\"\n",
        "[[group]]\nname = \"h\"\nfallback = \"nobody\"\n",
        "[[group]]\nname = \"h\"\nfallback = \"h\"\n",
        "[[group]]\nname = \"h\"\nfallback = \"i\"\n[[group]]\nname = \"i\"\nfallback = \"h\"\n",
        "[[group]]\nname = \"h\"\nfailover_codes = [603]\n",
        "[[group]]\nname = \"h\"\nfailover_codes = [\"503\"]\n",
        "[[group]]\nname = \"h\"\nbreaker_codes = 503\n",
        "[[group]]\nname = \"h\"\nbounded_load_percent = 90\n",
        "[[group]]\nname = \"h\"\nhash_of = \"header:\"\n",
        "[protect]\nrequests_per_s = -1\n",
        "[protect]\ndenied = [\"192.0.2.0/40\"]\n",
        "[protect]\ntrusted = \"192.0.2.0/24\"\n",
        "[protect]\nscanners = [\"a\"]\n",
        "[protect]\ndenied_file = \"/nonexistent/denied\"\n",
        "[group.probe]\ninterval_ms = 50\n",
        "[group.probe]\nfrom = \"tel:123\"\n",
        "[group.probe]\ncodes = [200]\n",
        "[group.probe]\nintervall_ms = 500\n",
        "[[group]]\nname = \"h\"\nbreaker_open_ms = 5000\nbreaker_most_open_ms = 4000\n",
        "[limits]\ndestinations = 15\n",
        "[timers]\nlongest_call_s = 1\n",
        "[[listen]]\naddress = \"192.0.2.2\"\ngroup = \"nobody\"\n",
        "[[rule]]\nuser_regex = \"(\"\n",
        "[[rule]]\nuser_regex = \"^a|b\"\n",
        "[[rule]]\nuser_prefix = \"\"\n",
        "[[rule]]\nuser = 5\n",
        "[[rule]]\nuser = \"a\\u0001b\"\n",
        "[[rule]]\nusr = \"a\"\n",
        "[[rule]]\nsource = \"192.0.2.0/33\"\n",
        "[[rule]]\nsource_port = \"5060\"\n",
        "[[rule]]\nsource_port = 70000\n",
        "[[rule]]\nlisten = \"192.0.2.99\"\n",
        "[[rule]]\nfrom_group = \"nobody\"\n",
        "[[rule]]\non = \"response\"\nfrom_group = \"g\"\n",
        "[[rule]]\nmark = \"from group g\"\n",
        "[[rule]]\nmethod = \"IN VITE\"\n",
        "[[rule]]\ntime = \"someday\"\n",
        "[[rule]]\ntime = \"mon 25:00-26:00\"\n",
        "[[rule]]\nstatus = 486\n",
        "[[rule]]\non = \"failure\"\nstatus = \"7xx\"\n",
        "[[rule]]\nheader = \"X\"\n",
        "[[rule]]\nset_user = \"a b\"\n",
        "[[rule]]\nset_user = \"a@b\"\n",
        "[[rule]]\nset_host = \"a;b\"\n",
        "[[rule]]\nprefix = \"<\"\n",
        "[[rule]]\nadd_header = \"X-No-Colon\"\n",
        "[[rule]]\nadd_header = \"X: a\\r\\nVia: b\"\n",
        "[[rule]]\nadd_header = \"X: ${nothing}\"\n",
        "[[rule]]\nadd_header = \"X: ${user\"\n",
        "[[rule]]\nremove_header = \"v\"\n",
        "[[rule]]\nreplace_header = \"call-id: 1\"\n",
        "[[rule]]\nreject = 200\n",
        "[[rule]]\nreject = 403\ndrop = true\n",
        "[[rule]]\nreject = 403\ncapacity = 5\n",
        "[[rule]]\nreject = 403\nreason = \"a\\r\\nb\"\n",
        "[[rule]]\ngroup = \"nobody\"\n",
        "[[rule]]\nsend_to = \"sip:255.255.255.255\"\n",
        "[[rule]]\non = \"response\"\ngroup = \"g\"\n",
        "[[rule]]\non = \"response\"\nstrip = 1\n",
        "[[rule]]\non = \"failure\"\ncalls_per_s = 1\n",
        "[[rule]]\nhash_by = \"always\"\n",
        "[[rule]]\nhash_by = \"${nothing}\"\n",
        "[[rule]]\nnot_source = \"x\"\n",
        "[[rule]]\nnot_status = 200\n",
        "[[rule]]\nname = \"a\"\n[[rule]]\nname = \"a\"\n"}) {
    std::string text = std::string(kGood) + more, error = first_error(text);
    ASSERT_NE(error, "") << more;
    std::string line = line_named_by(error, text);
    EXPECT_FALSE(line.empty() || line.starts_with('[')) << more << error;
  }
}

TEST(Config, PortsOfTwoPciDomainsAreTwo) {
  std::string good(kGood);
  EXPECT_EQ(first_error(good + "[[port]]\ndevice = \"0000:3b:00.0\"\n"
                               "[[port]]\ndevice = \"0001:3b:00.0\"\n"),
            "");
  EXPECT_NE(first_error(good + "[[port]]\ndevice = \"0000:3b:00.0\"\n"
                               "[[port]]\ndevice = \"0000:3B:00.0\"\n"),
            "");
  EXPECT_EQ(first_error(good + "[protect]\ndenied_file = \"/dev/null\"\n"), "");
}

// What is wrong in two ways is told in one.
TEST(Config, OneFaultIsToldOnce) {
  for (const char* more : {"[[rule]]\nsources = []\n", "[[rule]]\n[rule.headers]\n",
                           "[[rule]]\nfrom_group = 5\n", "[[rule]]\nuser = []\n", "[[port]]\n"}) {
    auto result = parse(std::string(kGood) + more, "f.toml");
    auto* errors = std::get_if<Errors>(&result);
    ASSERT_TRUE(errors != nullptr) << more;
    EXPECT_EQ(errors->lines.size(), 1u) << errors->lines.front() << "\n" << errors->lines.back();
  }
}

// Of a list, the one that is wrong.
TEST(Config, ErrorsInListsSayWhichOne) {
  auto place = [](const std::string& more) {
    std::string error = first_error(std::string(kGood) + more);
    return error.substr(0, error.find(": "));
  };
  EXPECT_EQ(place("[protect]\ndenied = [\n\"192.0.2.0/24\",\n\"192.0.2.0/40\"]\n"), "f.toml:13:1");
  EXPECT_EQ(place("[[rule]]\nuser = [\"a\",\n\"b\",\n \"a\\u0001\"]\n"), "f.toml:13:2");
  EXPECT_EQ(place("[[rule]]\nsource = [\"192.0.2.0/24\",\n  \"x\"]\n"), "f.toml:12:3");
  EXPECT_EQ(place("[node]\nname_servers = [\"192.0.2.53\",\n\"dns\"]\n"), "f.toml:12:1");
  // One line for one error, whatever it quotes.
  EXPECT_EQ(first_error(std::string(kGood) + "[\"a\\r\\nb\"]\n").find('\n'), std::string::npos);
  std::string many = "[limits]\ndestinations = 16\n[[group]]\nname = \"h\"\n";
  for (int i = 10; i < 27; ++i) {
    many += "[[group.destination]]\nuri = \"sip:192.0.2." + std::to_string(i) + "\"\n";
  }
  EXPECT_EQ(place(many), "f.toml:11:16");
  EXPECT_EQ(place("[[rule]]\non = \"failure\"\nstatus = [486,\n 9999]\n"), "f.toml:13:2");
  EXPECT_EQ(place("[[group]]\nname = \"h\"\nbreaker_open_ms = 120000\n"), "f.toml:12:19");
}

TEST(Config, RulesSayWhatIsLookedFor) {
  auto result = parse(std::string(kGood) +
                          "[[rule]]\nsource = [\"192.0.2.0/22\", \"192.0.2.9\"]\nuser = \"a\"\n"
                          "user_prefix = [\"b\"]\nheader = { s = \"x\" }\nnot_user = \"aa\"\n"
                          "not_header_regex = { s = \"y\" }\nnot_source = \"192.0.2.77\"\n"
                          "hash_by = \"${header:X-Account}-${user}\"\nsend_to = "
                          "\"sip:192.0.2.77\"\n[[rule]]\nsend_to = \"sip:192.0.2.77\"\n",
                      "f.toml");
  if (auto* errors = std::get_if<Errors>(&result)) FAIL() << errors->lines.front();
  const Settings& settings = std::get<Settings>(result);
  ASSERT_EQ(settings.rules.size(), 2u);
  EXPECT_EQ(settings.groups.back().name, "sip:192.0.2.77");
  EXPECT_EQ(settings.groups.size(), 2u);
  const auto& conditions = settings.rules[0].rule.conditions;
  ASSERT_EQ(conditions.size(), 6u);
  for (size_t i = 0; i < 6; ++i) EXPECT_EQ(conditions[i].none, i >= 3);
  EXPECT_EQ(text_of(settings.rules[0].rule.hash_by), "${header:x-account}-${user}");
  EXPECT_EQ(conditions[0].any.size(), 2u);
  EXPECT_EQ(word_of(conditions[1].field), "header subject");
  EXPECT_EQ(conditions[2].any.size(), 5u);
}

TEST(Config, ReloadMayNotChangeWhatIsAllocatedAtStart) {
  Settings running = good_settings();
  Settings wanted = running;
  wanted.groups[0].destinations.clear();
  wanted.timers.t1_ms = 100;
  EXPECT_TRUE(needs_restart(running, wanted).empty());
  wanted.listens[0].address.port = 5080;
  wanted.idle = Idle::kSpin;
  wanted.workers = 2;
  wanted.listens.push_back(wanted.listens[0]);
  std::vector<std::string> keys;
  for (const Fault& one : needs_restart(running, wanted)) {
    keys.push_back(one.section + "." + std::to_string(one.index) + "." + one.key);
  }
  EXPECT_EQ(keys, (std::vector<std::string>{"node.0.workers", "node.0.idle", "listen.0.address",
                                            "listen.1."}));
}

// What only a reload finds is told at its place in the file, too.
TEST(Config, FaultsFindTheirLine) {
  std::string path = testing::TempDir() + "place.toml";
  std::ofstream(path) << kGood << "[limits]\npackets = 4096\n[[listen]]\naddress = \"192.0.2.2\"\n";
  auto line = [&](const Fault& fault) { return line_of(fault, path).substr(path.size()); };
  EXPECT_EQ(line({"limits", 0, "packets", "no"}), ":11:11: no");
  EXPECT_EQ(line({"limits", 0, "calls", "no"}), ":10:1: no");
  EXPECT_EQ(line({"listen", 1, "address", "no"}), ":13:11: no");
  EXPECT_EQ(line({"listen", 2, "", "no"}), ":12:1: no");
  EXPECT_EQ(line({"protect", 0, "sources", "no"}), ":1:1: no");
}

}  // namespace
}  // namespace control::config
