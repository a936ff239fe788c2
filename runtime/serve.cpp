#include "runtime/serve.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <new>

#include "kernels/cuda/cuda_kernel.hpp"
#include "kernels/error.hpp"
#include "runtime/plan_buckets.hpp"
#include "runtime/say_once.hpp"
#include "runtime/staged.hpp"

namespace convtune {
namespace {

Plan chosen_plan(const Backend& backend, const Problem& problem) {
  const std::shared_ptr<const PlanSource> tuned = backend.plans();
  return choose_plan(problem, backend.device->properties(), tuned.get(), backend.families);
}

/// What x and y must be aligned to, as far as it is known before the candidate is prepared.
std::size_t known_alignment(const Problem& problem, const Candidate& candidate) {
  const CudaKernel* cuda = candidate.family->cuda;
  return cuda != nullptr ? cuda->alignment(problem, candidate.config) : size_of(problem.dtype);
}

/// The decided plan and what may take its place, best first.
std::vector<Plan> attempts(const Backend& backend, const Problem& problem, const Plan& decided,
                           std::size_t alignment) {
  const DeviceProperties& device = backend.device->properties();
  std::vector<Plan> plans;
  const auto serves_alignment = [&](const Candidate& candidate) {
    return known_alignment(problem, candidate) <= alignment;
  };
  const auto add = [&](const Candidate& wanted, const Plan& like) {
    const std::optional<Candidate> candidate =
        serves_alignment(wanted)
            ? wanted
            : cheapest(*wanted.family, problem, device, decided.quarantine, serves_alignment);
    if (!candidate) return;
    const bool known = std::ranges::any_of(
        plans, [&](const Plan& plan) { return plan.candidate.config == candidate->config; });
    if (known) return;
    plans.push_back(like);
    if (candidate->config == like.candidate.config) return;
    plans.back().match = Match::heuristic;
    plans.back().expected_seconds = 0;
    plans.back().expected_loss = std::nullopt;
    plans.back().why = fmt::format("The cost model's choice on {} in place of {}.", device.name,
                                   to_text(like.candidate.config));
    plans.back().candidate = *candidate;
  };
  add(decided.candidate, decided);
  for (const Candidate& each :
       ranked_defaults(problem, device, backend.families, decided.quarantine)) {
    add(each, decided);
  }
  return plans;
}

Backend cpu_part(const Backend& backend) {
  Backend cpu = backend;
  cpu.device = backend.cpu;
  cpu.device_name = "cpu";
  cpu.fallback_reason.clear();
  return cpu;
}

Plan explained_on_cpu(Plan plan, const std::string& why) {
  plan.match = Match::cpu;
  plan.why = fmt::format("The CPU serves it: {}. {}", why, plan.why);
  return plan;
}

/// A plan of the CPU that stands in for the device asked for says so.
Plan explained(const Backend& backend, Plan plan) {
  if (backend.fallback_reason.empty()) return plan;
  return explained_on_cpu(std::move(plan), backend.fallback_reason);
}

/// The first attempt that can be prepared; `failures` collects why the others could not.
std::optional<Served> prepare_first(Device& device, std::vector<Plan> plans,
                                    const HostWeights& weights, std::size_t alignment,
                                    std::string& failures) {
  for (Plan& plan : plans) {
    std::string failure;
    try {
      auto executable = device.prepare(plan.problem, plan.candidate, weights.filter.data(),
                                       weights.bias_data(), weights.contents);
      if (executable->alignment() <= alignment) {
        plan.why += failures;
        return Served{.plan = std::move(plan), .executable = std::move(executable)};
      }
      failure = fmt::format("it needs x and y aligned to {} bytes", executable->alignment());
    } catch (const Error& error) {
      if (error.status() != Status::failed && error.status() != Status::no_memory &&
          error.status() != Status::unavailable) {
        throw;
      }
      failure = error.what();
    } catch (const std::bad_alloc&) {
      failure = "there is not enough host memory";
    }
    failures += fmt::format(" {} could not be used: {}.", to_text(plan.candidate.config), failure);
  }
  return std::nullopt;
}

}  // namespace

Decision decide(const Backend& backend, const Problem& problem, Policy policy) {
  Decision decision;
  try {
    decision.plan = chosen_plan(backend, problem);
    if (decision.plan->match == Match::exact) return decision;
  } catch (const Error& error) {
    const bool last_resort = backend.device == backend.cpu || policy == Policy::error;
    if (error.status() != Status::unavailable || last_resort) throw;
    decision.why_cpu = error.what();
    say_once(fmt::format("the CPU serves {}: {}", describe(problem), decision.why_cpu));
    return decision;
  }
  const DeviceProperties& device = backend.device->properties();
  switch (policy) {
    case Policy::nearest_or_heuristic:
      break;
    case Policy::cpu:
      if (backend.device != backend.cpu) {
        decision = {
            .plan = std::nullopt,
            .why_cpu = fmt::format("no tuned plan on {}, and the policy is cpu", device.name)};
      }
      break;
    case Policy::compile_and_wait:
    case Policy::compile_in_background:
      decision.plan =
          heuristic_plan(problem, device, backend.families, std::move(decision.plan->quarantine));
      decision.plan->why += fmt::format(" The policy is {}.", name(policy));
      break;
    case Policy::error:
      throw Error(Status::unavailable,
                  fmt::format("{} has no tuned plan on {} and the policy is error: tune it, or "
                              "choose another policy ({})",
                              describe(problem), device.name, decision.plan->why));
  }
  return decision;
}

Plan first_choice(const Backend& backend, const Problem& problem, Policy policy) {
  Decision decision = PlanBuckets(backend, policy).decide(problem);
  if (decision.plan) return explained(backend, *std::move(decision.plan));
  const Backend cpu = cpu_part(backend);
  Decision on_cpu = decide(cpu, problem, Policy::nearest_or_heuristic);
  return explained_on_cpu(*std::move(on_cpu.plan), decision.why_cpu);
}

Served serve(const Backend& backend, const Problem& problem, Policy policy,
             const Decision& decision, const HostWeights& weights, std::size_t alignment) {
  if (!decision.plan) return serve_on_cpu(backend, problem, decision.why_cpu, weights);
  std::vector<Plan> plans = attempts(backend, problem, *decision.plan, alignment);
  if (policy == Policy::error && plans.size() > 1) plans.resize(1);
  std::string failures;
  std::optional<Served> served =
      prepare_first(*backend.device, std::move(plans), weights, alignment, failures);
  if (served) {
    served->plan = explained(backend, std::move(served->plan));
    return *std::move(served);
  }
  const std::string why = fmt::format("no plan on {} could be prepared.{}",
                                      backend.device->properties().name, failures);
  if (backend.device == backend.cpu || policy == Policy::error) {
    throw Error(Status::unavailable, fmt::format("{}: {}", describe(problem), why));
  }
  say_once(fmt::format("the CPU serves {}: {}", describe(problem), why));
  return serve_on_cpu(backend, problem, why, weights);
}

Served serve_on_cpu(const Backend& backend, const Problem& problem, const std::string& why,
                    const HostWeights& weights) {
  const Backend cpu = cpu_part(backend);
  Served served =
      serve(cpu, problem, Policy::nearest_or_heuristic,
            decide(cpu, problem, Policy::nearest_or_heuristic), weights, size_of(problem.dtype));
  served.plan = explained_on_cpu(std::move(served.plan), why);
  if (backend.device != backend.cpu) {
    served.executable = stage(backend.device, *backend.cpu, problem, std::move(served.executable));
  }
  return served;
}

}  // namespace convtune
