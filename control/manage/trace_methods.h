// trace.start, trace.stop and trace.messages.
#pragma once

#include "control/manage/rpc.h"
#include "control/trace/recorder.h"

namespace control::manage {

void add_trace_methods(Rpc& rpc, trace::Recorder& recorder, std::function<uint64_t()> now_us);

}  // namespace control::manage
