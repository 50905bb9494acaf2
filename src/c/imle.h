/* imle.h: proposals and plans in C and C++. Link with -limle; docs/guide/embed-in-c.md is the guide.
 *
 * Results   Every function that can fail returns an imle_status. On a failure imle_last_error() says why, and arrays of
 *           the caller's stay as they were. Nothing prints, exits or throws.
 * Arrays    A pointer and its number of values, row-major. Inputs must have exactly the size that is named, outputs at
 *           least. Values must be finite. SI units, angles in rad, in the order of the task's spec
 *           (`planner inspect TASK`). A null pointer is refused unless it is allowed below.
 * Sizes     O observation, A action, S state, T_obs observation steps, T_pred steps of a chunk, N candidates. A state
 *           is MuJoCo's mjSTATE_INTEGRATION of the task's model, of the MuJoCo version that the library was built with.
 * Ownership The caller owns all arrays. What *_load and *_new write to `out` is freed once by the *_free of its kind,
 *           null too. A controller keeps what it needs of its task and policy: they may be freed before it.
 * Threads   Policies and tasks serve any number of threads. A controller serves one thread at a time and refuses a
 *           second. The fork of a process that called is refused.
 * Same bits The same inputs, seed and settings give the same bits at any number of threads, a deadline aside.
 */
#ifndef IMLE_H
#define IMLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum imle_status {
    IMLE_OK = 0,
    IMLE_FAILED = 1,   /* failed while running: the caller's input is not at fault */
    IMLE_BAD_INPUT = 2 /* an argument, a name or a file is wrong */
} imle_status;

/* One line about the call of this thread that failed last; empty before one did. Valid until the next that fails. */
const char *imle_last_error(void);

/* Version of the library; the header of another is not for it. */
const char *imle_version(void);

/* --- A trained generator ------------------------------------------------------------------------------------------ */

typedef struct imle_policy imle_policy;

typedef struct imle_policy_shape {
    size_t observation_steps; /* T_obs */
    size_t prediction_steps;  /* T_pred */
    size_t action_steps;      /* T_act, steps of a chunk that are executed */
    size_t observation;       /* O */
    size_t action;            /* A */
    size_t latent;            /* normal values that a chunk is made from; 0 for a method without latents */
    size_t pictures;          /* bytes of the pictures of one observation, (cameras, H, W, 3); 0 for none */
} imle_policy_shape;

/* Names the draws: the same key gives the same bits. */
typedef struct imle_key {
    uint64_t seed;
    uint64_t episode;
    uint64_t step;
} imle_key;

/* The checkpoint shipped for a task (`stack`), or that in a folder: planner's, LeRobot's or Diffusion Policy's.
 * `device` is "cpu", "cuda" or "auto"; null for "cpu". */
imle_status imle_policy_load(const char *name, const char *device, imle_policy **out);

imle_status imle_policy_sizes(const imle_policy *policy, imle_policy_shape *out);

/* Draws n chunks (n, T_pred, A), 1 to 2^20, in one pass. `history` is (T_obs, O), oldest first, or one observation (O),
 * which is repeated. `pictures` is (T_obs, cameras, H, W, 3); null and 0 for a policy that sees none. */
imle_status imle_policy_sample(const imle_policy *policy, const float *history, size_t history_length,
                               const uint8_t *pictures, size_t pictures_length, size_t n, imle_key key, float *chunks,
                               size_t chunks_length);

void imle_policy_free(imle_policy *policy);

/* --- A task ------------------------------------------------------------------------------------------------------- */

typedef struct imle_task imle_task;

typedef struct imle_task_shape {
    size_t observation;  /* O */
    size_t action;       /* A */
    size_t state;        /* S */
    size_t nq, nv, nu;   /* positions, velocities and controls of the model */
    size_t substeps;     /* physics steps in a control step */
    size_t max_steps;    /* longest episode, control steps */
    double control_rate; /* control steps a second, Hz */
} imle_task_shape;

/* A built-in task by its name, or the task of a TOML file. */
imle_status imle_task_load(const char *name_or_file, imle_task **out);

imle_status imle_task_sizes(const imle_task *task, imle_task_shape *out);

/* The state (S) that episode `episode` of a seed starts in, that of `planner run --seed`. */
imle_status imle_task_start_state(const imle_task *task, uint64_t seed, uint64_t episode, double *state,
                                  size_t state_length);

/* The state (S) of positions (nq), velocities (nv) and controls (nu). Without controls, null, the joints hold still. */
imle_status imle_task_state_at(const imle_task *task, const double *qpos, size_t nq, const double *qvel, size_t nv,
                               const double *ctrl, size_t nu, double *state, size_t state_length);

/* The observation (O) of a state (S). */
imle_status imle_task_observe(const imle_task *task, const double *state, size_t state_length, float *observation,
                              size_t observation_length);

/* MuJoCo's controls (nu) at the end of a control step of an action (A) from a state (S), which has the last controls in
 * it: inverse kinematics and speed limits included. */
imle_status imle_task_controls(const imle_task *task, const float *action, size_t action_length, const double *state,
                               size_t state_length, double *controls, size_t controls_length);

void imle_task_free(imle_task *task);

/* --- A controller ------------------------------------------------------------------------------------------------- */

typedef struct imle_controller imle_controller;

typedef struct imle_controller_shape {
    size_t observation_steps; /* T_obs */
    size_t prediction_steps;  /* T_pred */
    size_t action_steps;      /* T_act, control steps between two plans of imle_controller_act */
    size_t observation;       /* O */
    size_t action;            /* A */
    size_t state;             /* S; 0 without a task */
    size_t pictures;          /* bytes of the pictures of one observation; 0 for none */
} imle_controller_shape;

/* A controller of a task, with a generator; either may be null. Without a task the settings must say
 * {"optimizer": "none"}. `settings` is JSON of what differs from the defaults of `planner run`:
 * {"optimizer": "cem", "candidates": 64, "execute": 4}; null for none. `threads` is at most 1024, or 0 for those that
 * the process shares, one a core. */
imle_status imle_controller_new(const imle_task *task, const imle_policy *policy, const char *settings, uint64_t seed,
                                size_t threads, imle_controller **out);

imle_status imle_controller_sizes(const imle_controller *controller, imle_controller_shape *out);

/* Begins an episode, whose number keys the draws: nothing is observed or planned. */
imle_status imle_controller_reset(imle_controller *controller, uint64_t episode);

/* Observes (O), exactly once a control step, before act and plan. `pictures` is (cameras, H, W, 3), or null and 0. */
imle_status imle_controller_observe(imle_controller *controller, const float *observation, size_t observation_length,
                                    const uint8_t *pictures, size_t pictures_length);

/* Says that `steps` control steps passed that nobody observed. */
imle_status imle_controller_skip(imle_controller *controller, uint32_t steps);

/* After an observation: plans from the state (S) if T_act steps passed since the last plan, and writes the action (A)
 * of this control step. A generator alone needs no state: null and 0. */
imle_status imle_controller_act(imle_controller *controller, const double *state, size_t state_length, float *action,
                                size_t action_length);

/* After an observation: plans from the state (S). No rollout begins after `deadline` seconds, at most 3600; 0 for no
 * deadline. */
imle_status imle_controller_plan(imle_controller *controller, const double *state, size_t state_length,
                                 double deadline);

/* The action (A) of this control step in the plan; behind its end the last one. Zeros before the first plan. */
imle_status imle_controller_next_action(const imle_controller *controller, float *action, size_t action_length);

void imle_controller_free(imle_controller *controller);

/* --- The last plan of a controller, by plan or act, until the next plan or reset ---------------------------------- */

typedef struct imle_plan_info {
    size_t candidates; /* N; 0 for a generator alone */
    size_t steps;      /* T_pred */
    size_t action;     /* A */
    int simulated;     /* 0 if no candidate could be simulated: the last plan goes on. Stop, or take over. */
    double predicted_cost;    /* mean cost over the T_act steps to be executed; NaN if it was not simulated */
    uint64_t rollouts;        /* begun */
    uint64_t failed_rollouts; /* diverged */
    uint64_t physics_steps;   /* simulated */
    double seconds;           /* wall-clock time of the decision */
} imle_plan_info;

imle_status imle_plan_describe(const imle_controller *controller, imle_plan_info *out);

/* The planned actions (T_pred, A), the first for the present control step. */
imle_status imle_plan_actions(const imle_controller *controller, float *actions, size_t actions_length);

/* All candidates (N, T_pred, A). */
imle_status imle_plan_candidates(const imle_controller *controller, float *candidates, size_t candidates_length);

/* Costs of the candidates (N); infinite for one that failed or was not simulated. */
imle_status imle_plan_costs(const imle_controller *controller, double *costs, size_t costs_length);

#ifdef __cplusplus
}
#endif

#endif
