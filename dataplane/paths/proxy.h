// The stateful proxy of one worker (RFC 3261 16): what happens to a message from the moment its
// headers are read until its packet is sent or released. One file per path:
//
//   request.cc    a request arrives: known, ACK, CANCEL, in a dialog, or new
//   answer.cc     a request is answered without any state
//   choose.cc     which destination of its group a request goes to
//   branch.cc     a request goes to a destination: rewrite, send, send again, the next one
//   response.cc   a response arrives: match by token, step the client machine
//   upstream.cc   towards the caller: forward, choose the best failure, answer ourselves
//   cancel.cc     CANCEL from the caller, CANCEL and ACK towards a destination
//   timer.cc      time passes
//   load.cc       what a destination has to do, and what it is worth; calls that are up
//   retired.cc    all is said: what is left of a transaction, and what it still does
//   rules.cc      what the rules of the configuration do to requests, responses and failures
#pragma once

#include <array>
#include <memory>
#include <optional>

#include "control/link/choice.h"
#include "control/link/exchange.h"
#include "control/link/timer_wheel.h"
#include "dataplane/core/dialogs.h"
#include "dataplane/core/overload.h"
#include "dataplane/core/transactions.h"
#include "dataplane/core/transmit.h"
#include "sipcore/balance/hash_of.h"
#include "sipcore/build/edit.h"
#include "sipcore/proxy/forward.h"
#include "sipcore/proxy/validate.h"
#include "sipcore/rules/rewrite.h"
#include "sipcore/transaction/client.h"
#include "sipcore/transaction/invite_client.h"
#include "sipcore/transaction/invite_server.h"
#include "sipcore/transaction/server.h"

namespace dataplane {

// Fixed at start: nothing grows later.
struct ProxyLimits {
  size_t server_transactions = 131072;   // at work
  size_t client_transactions = 196608;   // at work
  size_t retired_transactions = 524288;  // half of them may keep a part of their response
  size_t stored_messages = 65536;        // of up to 512 bytes
  size_t dialogs = 262144;               // calls that are up
};

// What goes on is read again when it is repeated: with what we add it must not be too much.
inline constexpr size_t kMostFields = sipcore::kMaxHeaders - 8;

// Where a packet came from and what in it is SIP.
struct Arrival {
  sipcore::Endpoint source;  // who has sent it
  sipcore::Endpoint peer;    // who has sent it to us: the source, or a balancer between
  bool by_balancer = false;  // which says so
  uint16_t listen = 0;       // index of the listen address it was sent to
  uint32_t payload = 0;      // offset and size of the SIP message in the packet
  uint32_t payload_size = 0;
};

class Proxy {
 public:
  Proxy(uint8_t worker, const ProxyLimits& limits, Transmit& transmit,
        control::link::Exchange& exchange, uint64_t now_ms);

  // Once per turn, before anything else; the configuration is valid until the next call.
  void begin_turn(const control::link::RunningConfig& config, uint64_t now_us);

  // Takes over the packet and counts what becomes of it. Reads the message and asks for the memory
  // that its transaction lies in; then, while that is on its way, handles the message before it.
  // What begins something is dropped or refused as `overload` says.
  void receive(Packet* packet, const Arrival& arrival,
               Overload::Verdict overload = Overload::Verdict::kAdmit);
  // Handles the message that is still held back: after the last one of a burst.
  void catch_up();

  // Runs due timers, at most `budget` of them.
  void run_timers(size_t budget);

  // An ICMP error came back for the request with this branch: it counts as a failed branch (16.9).
  void unreachable(const sipcore::BranchToken& branch);

  // Sends what control has written.
  void send_probe(const control::link::Outgoing& probe);

  // Says how full the tables are.
  void show_use() const;

  const Transactions& transactions() const { return transactions_; }
  const Dialogs& dialogs() const { return dialogs_; }
  size_t blobs_in_use() const { return blobs_.in_use(); }

 private:
  using Count = control::link::Count;

  // A message read out of bytes that stay where they are.
  struct Parsed {
    sipcore::Message message;
    sipcore::Essentials essentials;
    sipcore::Fault read(std::string_view bytes);
  };
  struct InHand : Parsed {
    Packet* packet = nullptr;  // nullptr: nothing in hand, or it has been sent on
    Arrival arrival;
    Overload::Verdict overload = Overload::Verdict::kAdmit;  // as receive() was told
    sipcore::Fault fault = sipcore::Fault::kNone;
    sipcore::Hash128 key;          // of a request: its server transaction's
    sipcore::Hash128 dialog;       // of what names_dialog()
    sipcore::BranchToken branch;   // of a response: of its topmost Via
    std::string_view branch_text;  // what was read for it
    sipcore::TokenStatus branch_status = sipcore::TokenStatus::kForeign;
  };
  // Where a request goes next.
  struct Target {
    sipcore::Endpoint endpoint;
    uint16_t listen = 0;  // we send from
    uint16_t group = kNoGroup;
    uint16_t slot = control::link::kNoDestination;
    bool call = false;   // a place for a call was taken there
    uint16_t index = 0;  // of the destination in its group
  };
  // What the rules have said of a message.
  struct Ruled {
    uint16_t group = kNoGroup;  // that it goes to
    uint64_t marks = 0;
    uint64_t hash = 0;  // that keeps it with others; 0: what the group hashes by
    Places places;      // that it has taken
    sipcore::Rewrite changes;
    bool beyond_limit = false;  // of the rule that decided
    bool group_full = false;    // a group that would have got it has a limit
  };
  // With how much care a destination is chosen.
  enum class Care : uint8_t {
    kFull,
    kNoStart,  // one that starts slowly is as good as another, and so is one above its fair share
    kNone,     // so is one whose breaker is open
  };
  // A request that wants a destination.
  struct Wish {
    const control::link::Group* group = nullptr;
    uint16_t group_index = kNoGroup;
    uint32_t server = kNoSlot;  // knows who was asked
    uint16_t listen = 0;        // it came to
    bool call = false;          // the INVITE of a new call
    Care care = Care::kFull;
    uint64_t hash = 0;    // of what the group hashes by
    uint64_t random = 0;  // another one for each try
    control::link::LoadBound bound;
  };

  // request.cc
  void read_branch(InHand& message, std::string_view text) const;
  bool is_forged(InHand& message, std::string_view bytes) const;
  void look_ahead(InHand& message);
  void look_for_dialog(InHand& message);
  Count handle();
  void count_message();
  Count on_request();
  Count on_repeated(uint32_t branch);
  Count on_ack();
  Count on_new_request();
  Count route_new_request(Ruled& ruled);
  std::optional<Target> find_target(const sipcore::RoutePlan& plan, Ruled& ruled);
  std::optional<Count> stop_by_policy(const sipcore::RoutePlan& plan, uint64_t loop);
  sipcore::Hash128 server_key(const InHand& message, sipcore::Method method) const;
  bool addressed_to_us() const;

  // answer.cc
  Count refuse(sipcore::Fault fault);
  Count answer_directly(int status, std::string_view reason, std::string_view headers = {});
  bool is_amplified(size_t answer) const;
  sipcore::Endpoint reply_target() const;
  Count answer_refused(int status, std::string_view reason, uint32_t retry_after_s, Count why);
  Count answer_unavailable(Count why);
  Count turn_away();

  // branch.cc
  bool is_from_caller(const Parsed& request, const sipcore::RouteToken& token) const;
  struct Way {
    sipcore::Endpoint target;
    uint16_t listen = 0;  // to send from
  };
  std::optional<Way> dialog_way(const sipcore::RoutePlan& plan) const;
  std::optional<sipcore::Endpoint> dialog_target(const Parsed& request,
                                                 const sipcore::RoutePlan& plan) const;
  bool usable(const sipcore::Endpoint& endpoint) const;
  bool may_reach_caller(const sipcore::RoutePlan& plan) const;
  uint16_t group_of(const ServerTransaction& server) const;
  uint16_t find_group(uint32_t id, uint16_t likely) const;
  sipcore::Endpoint known_to(const ServerTransaction& server) const;
  void fork_to_all(uint32_t first);
  std::optional<uint16_t> listen_for(const sipcore::Endpoint& target, uint16_t preferred) const;
  uint32_t begin_transaction();
  uint32_t new_branch(uint32_t server, const Target& target, uint64_t loop);
  bool edit_request(const Parsed& request, const sipcore::RoutePlan& plan,
                    const ClientTransaction& client, sipcore::EditList& edits);
  bool fits(const sipcore::EditList& edits, const sipcore::Endpoint& destination) const;
  void send_edited(const sipcore::EditList& edits, uint16_t listen,
                   const sipcore::Endpoint& destination);
  std::string_view rebuild(uint32_t slot);
  void send_rebuilt(uint32_t slot, Count kind);
  void enter_group(ServerTransaction& server, ClientTransaction& client, uint16_t index);
  enum class FallBack : uint8_t { kNo, kYes };  // to the group behind this one
  uint32_t ask_another(uint32_t server, uint16_t group, FallBack fall_back);
  bool try_next(uint32_t server);

  // choose.cc
  std::optional<Target> choose(const Parsed& request, uint16_t group, uint16_t listen,
                               uint32_t server, FallBack fall_back, Ruled& ruled);
  std::optional<Target> choose_within(Wish& wish, bool broken, Ruled& ruled);
  std::optional<Target> choose_in(Wish& wish);
  uint16_t select(const Wish& wish, const control::link::Tier& tier);
  bool may_ask(const Wish& wish, const control::link::Destination& destination) const;
  uint32_t& turn_of(const Wish& wish);
  bool others_are_left(uint32_t server) const;
  bool others_are_left(uint32_t server_slot, uint16_t group) const;
  bool take_place(const Wish& wish, const control::link::Destination& destination);
  bool was_asked(const Wish& wish, const control::link::Destination& one) const;
  uint16_t listen_to(const Wish& wish, const control::link::Destination& one) const;
  void note_asked(ServerTransaction& server, const Target& target) const;
  bool listens_on(sipcore::Family family) const;

  // load.cc
  const control::link::Group* group_of_client(const ClientTransaction& client) const;
  void give_place_back(const Target& target);
  void begin_load(ClientTransaction& client, const Target& target);
  void end_load(ClientTransaction& client);
  void give_up_load(ClientTransaction& client);
  uint32_t retry_after_s() const;
  void hear(ClientTransaction& client);
  void note_ringing(ClientTransaction& client, int status);
  void note_late(ClientTransaction& client);
  void find_wanting(ClientTransaction& client);
  void count_failure(const ClientTransaction& client);
  sipcore::Hash128 dialog_key(const sipcore::Essentials& message) const;
  bool names_dialog(const InHand& message) const;
  bool reserve_dialog(uint32_t server);
  void give_back_reserved(ServerTransaction& server);
  void begin_dialog(ClientTransaction& client);
  void note_in_dialog(ClientTransaction& client);
  void note_bye_answered(ClientTransaction& client, int status);
  void end_dialog(uint32_t slot);

  // response.cc
  Count on_response();
  Count on_probe_response();
  Count on_client_response(uint32_t slot);
  void perform_client(uint32_t slot, uint16_t actions, sipcore::Timer timer);
  bool step_client(uint32_t slot, int status);
  bool fails_over(const ServerTransaction& server, int status) const;
  void fail_branch(uint32_t slot, int status, bool from_response);

  // upstream.cc
  void pass_up(uint32_t slot);
  Packet* edit_in_place(const sipcore::EditList& edits, size_t headroom);
  Packet* edited_copy(const sipcore::EditList& edits);
  Packet* as_it_goes_up(uint64_t& marks);
  void keep_own_part(ServerTransaction& server, const sipcore::Message& response);
  void keep_best(ServerTransaction& server, int status, bool from_response);
  std::string_view copy_that_goes_up(ServerTransaction& server);
  void keep_challenges(ServerTransaction& server);
  void finish(uint32_t slot);
  bool waiting_for_branch(const ServerTransaction& server);
  bool step_server(uint32_t slot, int status);
  void perform_server(uint32_t slot, uint16_t actions, sipcore::Timer timer);
  void send_stored(const ServerTransaction& server, Blob blob, Count kind);
  void resend_response(uint32_t slot);
  void resend_own(const Answer& answer);
  void answer_server(uint32_t slot, int status, std::string_view reason = {},
                     uint32_t retry_after_s = 0);
  void count_outcome(ServerTransaction& server, int status);
  size_t write_reply(const Parsed& request, const sipcore::Endpoint& source, int status,
                     std::string_view reason, std::string_view headers);

  // cancel.cc
  Count on_cancel();
  void cancel_branches(uint32_t server, uint32_t except);
  void cancel_branch(uint32_t slot);
  void send_cancel(uint32_t invite, Count kind);
  void send_ack(uint32_t slot);

  // retired.cc
  void retire_if_done(uint32_t server);
  void forget_oldest();
  Count on_retired_request(uint32_t branch);
  Count on_retired_response(const Branch& branch);
  void free_retired(uint32_t branch);

  // rules.cc
  bool take_limit(const control::link::CallLimit& limit, bool call);
  void give_limit_back(const control::link::CallLimit& limit);
  void give_turn_back(const Target& target);
  void note_rule(const sipcore::Rule& rule, const sipcore::Endpoint& source);
  const sipcore::Rule* run_rules(const sipcore::RuleSet& rules, const sipcore::Subject& subject,
                                 Ruled& ruled);
  bool is_within(const sipcore::Rule& rule, const sipcore::Subject& subject, Ruled& ruled);
  std::optional<Count> rule_request(Ruled& ruled, bool for_us);
  bool may_log();
  Count refuse_beyond(const sipcore::Rule& rule);
  bool change_in_hand(const sipcore::Subject& subject, const sipcore::Rewrite& changes);
  bool is_good(std::string_view changed);
  void rule_response(uint64_t& marks, sipcore::EditList& edits);
  bool rule_failure(uint32_t slot, int status);
  bool change_stored(ServerTransaction& server, const sipcore::Subject& subject,
                     const sipcore::Rewrite& changes);

  // timer.cc
  uint32_t client_timer(uint32_t slot) const;
  uint32_t branch_timer(uint32_t slot) const;
  void arm_server(uint32_t slot);
  void arm_client(uint32_t slot);
  void on_server_timer(uint32_t slot);
  void on_client_timer(uint32_t slot);
  void on_retransmit(uint32_t slot);
  void on_timeout(uint32_t slot);
  void on_silence(uint32_t slot);
  void free_server(uint32_t slot);
  void free_client(uint32_t slot);

  void send_bytes(std::string_view bytes, uint16_t listen, const sipcore::Endpoint& to, Count kind);
  const sipcore::HashKey& key() const { return config_->keys.token; }
  const sipcore::HashKey& branch_key() const { return config_->keys.branch; }
  sipcore::Self self() const { return {config_->own}; }

  const uint8_t worker_;
  Transmit& transmit_;
  control::link::Counters& counters_;
  Transactions transactions_;
  control::link::Destinations& destinations_;
  control::link::Mailbox<control::link::ToControl>& to_control_;
  control::link::RuleHits& rule_hits_;
  control::link::Traffic& traffic_;
  const std::atomic<uint32_t>& published_minute_;
  BlobPool blobs_;
  Dialogs dialogs_;
  control::link::TimerWheel wheel_;
  const control::link::RunningConfig* config_ = nullptr;
  uint64_t now_ms_;
  uint64_t now_us_;
  uint32_t minute_of_week_ = 0;
  uint64_t log_second_ = 0;  // in which so many
  uint32_t log_lines_ = 0;   // hits of rules were told to control
  std::array<uint32_t, control::link::kMostGroups> round_robin_{};        // cursor by group
  std::array<uint32_t, control::link::kMostGroups> round_robin_again_{};  // after a failure

  std::array<InHand, 2> messages_;  // one in hand, one held back
  InHand* in_ = &messages_[0];
  InHand* held_ = &messages_[1];
  // Work space for messages that are made again from what is stored.
  Parsed again_;
  Parsed sent_;
  std::unique_ptr<sipcore::RuleWork> rule_work_ = std::make_unique<sipcore::RuleWork>();
  sipcore::ForwardScratch scratch_;
  std::array<char, 65536> out_;
  std::array<char, 65536> hop_out_;  // what is made of a message that out_ holds
};

}  // namespace dataplane
