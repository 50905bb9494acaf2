/* Prints numbers of every function of imle.h, a line each, and checks that bad arguments are refused. */
#include <dlfcn.h>
#include <imle.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define N 32
#define BIG 65536

static float history[BIG], chunks[BIG], action[BIG];
static double state[BIG], doubles[BIG];

static void ok(imle_status status) {
    if (status != IMLE_OK) {
        fprintf(stderr, "expected no error, found %d: %s\n", (int)status, imle_last_error());
        exit(3);
    }
}

static void refused(imle_status status, const char *line) {
    if (status != IMLE_BAD_INPUT || strcmp(imle_last_error(), line) != 0) {
        fprintf(stderr, "expected `%s`, found %d: %s\n", line, (int)status, imle_last_error());
        exit(3);
    }
}

static void floats(const char *name, const float *values, size_t n) {
    printf("%s", name);
    for (size_t i = 0; i < n; i++) printf(" %.17g", values[i]);
    puts("");
}

static void numbers(const char *name, const double *values, size_t n) {
    printf("%s", name);
    for (size_t i = 0; i < n; i++) printf(" %.17g", values[i]);
    puts("");
}

static void plan(const char *name, imle_controller *mpc) {
    imle_plan_info info;
    ok(imle_plan_describe(mpc, &info));
    double about[] = {(double)info.candidates, (double)info.steps,           (double)info.action,       info.simulated,
                      (double)info.rollouts,   (double)info.failed_rollouts, (double)info.physics_steps};
    numbers(name, about, 7);
    if (info.seconds <= 0.0) exit(4);
    if (info.candidates > 0) numbers("predicted", &info.predicted_cost, 1);
    ok(imle_plan_actions(mpc, chunks, BIG));
    floats("actions", chunks, info.steps * info.action);
    ok(imle_plan_candidates(mpc, chunks, BIG));
    floats("candidates", chunks, info.candidates * info.steps * info.action);
    ok(imle_plan_costs(mpc, doubles, BIG));
    numbers("costs", doubles, info.candidates);
}

struct busy {
    imle_controller *mpc;
    size_t size;
    pthread_mutex_t over;
};

static void *planning(void *given) {
    struct busy *busy = given;
    /* The other may have it just then. */
    while (imle_controller_plan(busy->mpc, state, busy->size, 0.0) != IMLE_OK) continue;
    pthread_mutex_unlock(&busy->over);
    return NULL;
}

/* While a thread plans, another is refused. */
static void one_thread_at_a_time(imle_controller *mpc, size_t size) {
    imle_controller_shape shape;
    imle_status found = IMLE_OK;
    while (found == IMLE_OK) {
        struct busy busy = {mpc, size, PTHREAD_MUTEX_INITIALIZER};
        pthread_t thread;
        pthread_mutex_lock(&busy.over);
        if (pthread_create(&thread, NULL, planning, &busy)) exit(4);
        while (found == IMLE_OK && pthread_mutex_trylock(&busy.over)) found = imle_controller_sizes(mpc, &shape);
        pthread_join(thread, NULL);
    }
    if (found != IMLE_FAILED || !strstr(imle_last_error(), "one thread at a time")) exit(5);
}

static void bad_arguments(const imle_task *task, const imle_policy *policy, imle_controller *mpc, size_t o, size_t s) {
    imle_task *no_task = (imle_task *)task;
    imle_policy *no_policy = NULL;
    imle_controller *none = NULL;
    imle_key key = {0, 0, 0};
    refused(imle_task_load("stak", &no_task), "unknown task `stak`; did you mean `stack`?");
    if (no_task) exit(6);
    refused(imle_task_load(NULL, &no_task), "task: expected a text, found a null pointer");
    refused(imle_task_load("\xff", &no_task), "task: expected UTF-8, found \xef\xbf\xbd");
    refused(imle_task_load("stack", NULL), "out: expected an array, found a null pointer");
    refused(imle_task_observe(NULL, state, s, history, o), "task: expected one that was made, found a null pointer");
    refused(imle_task_observe(task, NULL, s, history, o), "state: expected an array, found a null pointer");
    refused(imle_task_observe(task, (double *)((char *)state + 1), s, history, o),
            "state: expected an array, found a pointer that is not aligned");
    refused(imle_task_observe(task, state, 3, history, o), "state: expected STATE values, found 3");
    refused(imle_task_observe(task, state, s, history, 2),
            "observation: expected room for OBSERVATION values, found 2");
    refused(imle_policy_load("stak", NULL, &no_policy), "unknown checkpoint `stak`; did you mean `stack`?");
    refused(imle_policy_load("stack", "gpu", &no_policy), "unknown device `gpu`; did you mean `cpu`?");
    refused(imle_policy_sample(policy, history, o, NULL, 0, 0, key, chunks, BIG), "n: expected 1 to 1048576, found 0");
    refused(imle_policy_sample(policy, history, o, NULL, 0, N, key, chunks, 7),
            "chunks: expected room for CHUNKS values, found 7");
    refused(imle_policy_sample(policy, history, o, (uint8_t *)chunks, 3, N, key, chunks, BIG),
            "pictures: expected 0 values, found 3");
    float right = history[1];
    history[1] = NAN;
    refused(imle_policy_sample(policy, history, o, NULL, 0, N, key, chunks, BIG),
            "history[1]: expected a finite number, found NaN");
    refused(imle_controller_observe(mpc, history, o, NULL, 0), "observation[1]: expected a finite number, found NaN");
    history[1] = right;
    double held = state[2];
    state[2] = INFINITY;
    refused(imle_controller_plan(mpc, state, s, 0.0), "state[2]: expected a finite number, found inf");
    state[2] = held;
    refused(imle_controller_plan(mpc, state, s, NAN), "deadline: expected 0 for none, or at most 3600 s, found NaN");
    refused(imle_plan_costs(mpc, doubles, 1), "costs: expected room for 32 values, found 1");
    refused(imle_controller_new(task, policy, "{\"optimiser\": 1}", 0, 0, &none),
            "settings: unknown setting `optimiser`; did you mean `optimizer`?");
    refused(imle_controller_new(task, policy, "[]", 0, 0, &none), "settings: expected a JSON object, found []");
    refused(imle_controller_new(task, policy, NULL, 0, 99999, &none), "threads: expected at most 1024, found 99999");
    refused(imle_controller_new(NULL, policy, NULL, 0, 1, &none),
            "controller: expected a task or a simulator, found neither");
    ok(imle_controller_reset(mpc, 0));
    refused(imle_plan_costs(mpc, doubles, BIG),
            "plan: expected one of this episode, found none; call imle_controller_plan");
    imle_task_free(NULL);
    imle_policy_free(NULL);
    imle_controller_free(NULL);
}

/* A symbol of a library that libimle.so has loaded. */
static void *loaded(const char *name) {
    void *symbol = dlsym(dlopen(NULL, RTLD_LAZY), name);
    if (!symbol) exit(8);
    return symbol;
}

/* at::get_num_threads and at::set_num_threads. */
static int (*torch_threads)(void);
static void (*set_torch_threads)(int);

static void *default_threads(void *found) {
    *(int *)found = torch_threads();
    return NULL;
}

/* The threads of libtorch stay as the program has them, and calls that simulate refuse its callbacks in MuJoCo. */
static void beside_other_code(const imle_task *task, const imle_policy *policy, size_t o, size_t s) {
    int found_threads = 0;
    pthread_t thread;
    *(void **)&torch_threads = loaded("_ZN2at15get_num_threadsEv");
    *(void **)&set_torch_threads = loaded("_ZN2at15set_num_threadsEi");
    set_torch_threads(3);
    /* With threads of its own, which it has yet to bind. */
    imle_controller *fresh;
    const char *settings = "{\"optimizer\": \"none\", \"choice\": \"typical\", \"candidates\": 300}";
    ok(imle_controller_new(NULL, policy, settings, 0, 2, &fresh));
    ok(imle_controller_observe(fresh, history, o, NULL, 0));
    ok(imle_controller_plan(fresh, NULL, 0, 0.0));
    imle_controller_free(fresh);
    if (pthread_create(&thread, NULL, default_threads, &found_threads) || pthread_join(thread, NULL)) exit(9);
    if (torch_threads() != 3 || found_threads != 3) {
        fprintf(stderr, "expected 3 threads, found %d, in a new thread %d\n", torch_threads(), found_threads);
        exit(9);
    }
    uintptr_t *callback = loaded("mjcb_control");
    *callback = 1;
    imle_status found = imle_task_observe(task, state, s, history, o);
    if (found != IMLE_FAILED || !strstr(imle_last_error(), "mjcb_control")) exit(10);
    *callback = 0;
    ok(imle_task_observe(task, state, s, history, o));
}

static void a_fork_is_refused(const imle_task *task) {
    imle_task_shape shape;
    int status;
    pid_t child = fork();
    if (child == 0) _exit(imle_task_sizes(task, &shape) == IMLE_FAILED && strstr(imle_last_error(), "a fork") ? 0 : 1);
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) exit(11);
}

int main(void) {
    imle_task *task, *pole;
    imle_policy *policy;
    imle_controller *mpc, *alone, *without;
    imle_task_shape of;
    imle_policy_shape drawn;
    imle_controller_shape shape;
    imle_key key = {9, 2, 3};
    if (imle_last_error()[0] || !imle_version()[0]) return 2;

    ok(imle_task_load("stack", &task));
    ok(imle_task_sizes(task, &of));
    double sizes[] = {(double)of.observation, (double)of.action,   (double)of.state,     (double)of.nq, (double)of.nv,
                      (double)of.nu,          (double)of.substeps, (double)of.max_steps, of.control_rate};
    numbers("task", sizes, 9);
    ok(imle_task_start_state(task, 4, 1, state, BIG));
    numbers("state", state, of.state);
    ok(imle_task_observe(task, state, of.state, history, BIG));
    floats("observation", history, of.observation);

    ok(imle_policy_load("stack", NULL, &policy));
    ok(imle_policy_sizes(policy, &drawn));
    double lengths[] = {(double)drawn.observation_steps, (double)drawn.prediction_steps, (double)drawn.action_steps,
                        (double)drawn.observation,       (double)drawn.action,           (double)drawn.latent,
                        (double)drawn.pictures};
    numbers("policy", lengths, 7);
    ok(imle_policy_sample(policy, history, of.observation, NULL, 0, N, key, chunks, BIG));
    floats("chunks", chunks, N * drawn.prediction_steps * drawn.action);
    ok(imle_task_controls(task, chunks, of.action, state, of.state, doubles, BIG));
    numbers("controls", doubles, of.nu);

    /* They are kept for as long as the controllers need them. */
    ok(imle_controller_new(task, policy, "{\"optimizer\": \"cem\", \"candidates\": 32}", 5, 2, &mpc));
    ok(imle_controller_new(NULL, policy, "{\"optimizer\": \"none\"}", 5, 1, &alone));
    imle_policy *kept = policy;
    ok(imle_policy_load("stack", "cpu", &policy));
    imle_policy_free(kept);
    ok(imle_controller_reset(mpc, 2));
    ok(imle_controller_observe(mpc, history, of.observation, NULL, 0));
    ok(imle_controller_act(mpc, state, of.state, action, BIG));
    floats("action", action, of.action);
    plan("plan", mpc);
    ok(imle_controller_observe(mpc, history, of.observation, NULL, 0));
    ok(imle_controller_skip(mpc, 1));
    ok(imle_controller_next_action(mpc, action, of.action));
    floats("next", action, of.action);
    ok(imle_controller_plan(mpc, state, of.state, 0.0));
    plan("plan", mpc);
    ok(imle_controller_plan(mpc, state, of.state, 600.0));
    bad_arguments(task, policy, mpc, of.observation, of.state);
    ok(imle_controller_observe(mpc, history, of.observation, NULL, 0));
    one_thread_at_a_time(mpc, of.state);
    beside_other_code(task, policy, of.observation, of.state);
    a_fork_is_refused(task);

    ok(imle_controller_sizes(alone, &shape));
    if (shape.state != 0 || shape.observation != of.observation || shape.action != of.action) return 7;
    ok(imle_controller_observe(alone, history, of.observation, NULL, 0));
    ok(imle_controller_act(alone, NULL, 0, action, of.action));
    plan("plan", alone);

    double upright[] = {0.1, 3.0}, still[] = {0.0, -0.5}, control[] = {0.2};
    ok(imle_task_load("cartpole", &pole));
    ok(imle_task_sizes(pole, &of));
    ok(imle_task_state_at(pole, upright, 2, still, 2, control, 1, state, of.state));
    numbers("state", state, of.state);
    ok(imle_task_state_at(pole, upright, 2, still, 2, NULL, 0, state, of.state));
    ok(imle_task_observe(pole, state, of.state, history, of.observation));
    ok(imle_controller_new(pole, NULL, "{\"optimizer\": \"mppi\", \"candidates\": 16}", 1, 0, &without));
    imle_task_free(pole);
    ok(imle_controller_observe(without, history, of.observation, NULL, 0));
    ok(imle_controller_plan(without, state, of.state, 0.0));
    plan("plan", without);
    imle_controller_free(without);
    imle_controller_free(alone);
    imle_controller_free(mpc);
    imle_policy_free(policy);
    imle_task_free(task);
    return 0;
}
