// Proposals and a plan for `stack` in C++, without Rust. Run it in the checkout:
//
//   make c
//   g++ examples/c/plan.cpp -o target/c/plan -Itarget/c -Ltarget/c -limle -Wl,-rpath,"$PWD/target/c" && target/c/plan
#include <cstdio>
#include <cstdlib>
#include <imle.h>
#include <vector>

static void check(imle_status status) {
    if (status != IMLE_OK) {
        std::fprintf(stderr, "error: %s\n", imle_last_error());
        std::exit(status);
    }
}

int main() {
    imle_task *task;
    imle_policy *policy;
    check(imle_task_load("stack", &task));
    check(imle_policy_load("stack", "cpu", &policy));
    imle_task_shape of;
    imle_policy_shape drawn;
    check(imle_task_sizes(task, &of));
    check(imle_policy_sizes(policy, &drawn));

    std::vector<double> state(of.state); // yours: mj_getState, or imle_task_state_at
    std::vector<float> seen(of.observation), chunks(32 * drawn.prediction_steps * drawn.action), action(of.action);
    check(imle_task_start_state(task, 0, 0, state.data(), state.size()));
    check(imle_task_observe(task, state.data(), state.size(), seen.data(), seen.size()));
    imle_key key = {0, 0, 0};
    check(imle_policy_sample(policy, seen.data(), seen.size(), nullptr, 0, 32, key, chunks.data(), chunks.size()));
    std::printf("32 chunks of %zu actions; the first begins with x = %.9g m\n", drawn.prediction_steps, chunks[0]);

    imle_controller *mpc;
    imle_plan_info plan;
    check(imle_controller_new(task, policy, R"({"optimizer": "cem", "candidates": 32})", 0, 0, &mpc));
    check(imle_controller_observe(mpc, seen.data(), seen.size(), nullptr, 0));
    check(imle_controller_act(mpc, state.data(), state.size(), action.data(), action.size()));
    check(imle_plan_describe(mpc, &plan));
    std::printf("cheapest of %zu: cost %.17g; the action is", plan.candidates, plan.predicted_cost);
    for (float value : action) std::printf(" %.9g", value);
    std::puts("");
    imle_controller_free(mpc);
    imle_policy_free(policy);
    imle_task_free(task);
}
