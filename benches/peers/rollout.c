/* Two peers of `planner bench rollout` and `bench decision` in C: a thread pool over raw mj_step, and MuJoCo's own batch
 * (mjb_rollout).
 *
 * Arguments: pool|batch model.mjb threads steps. Beside them lie state.f64 (a full integration state) and controls.f64 (candidates,
 * steps, nu). Prints the final qpos of the first candidate as JSON once ready, then, for every line it reads, the seconds that
 * rolling all candidates out took; both files are read anew before that. The pool does nothing but restore the state, set controls
 * and step.
 */
#include <mujoco/mjbatch.h>
#include <mujoco/mujoco.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static mjModel *model;
static mjData **datas;
static double *state, *controls;
static int candidates, steps, threads;
static atomic_int next_candidate;
static pthread_barrier_t begin, end;
static double *final_qpos;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + 1e-9 * t.tv_nsec;
}

static double *read_doubles(const char *name, long *count) {
  FILE *f = fopen(name, "rb");
  if (!f) { fprintf(stderr, "cannot read %s\n", name); exit(1); }
  fseek(f, 0, SEEK_END);
  *count = ftell(f) / (long)sizeof(double);
  rewind(f);
  double *values = malloc(*count * sizeof(double));
  if (fread(values, sizeof(double), *count, f) != (size_t)*count) exit(1);
  fclose(f);
  return values;
}

static void roll(mjData *data) {
  for (int i; (i = atomic_fetch_add(&next_candidate, 1)) < candidates;) {
    // What sleeps is no part of the state: without this, bodies would sleep on from the rollout before.
    if (model->opt.enableflags & mjENBL_SLEEP) mj_resetData(model, data);
    mj_setState(model, data, state, mjSTATE_INTEGRATION);
    const double *control = controls + (long)i * steps * model->nu;
    for (int t = 0; t < steps; t++) {
      memcpy(data->ctrl, control + (long)t * model->nu, model->nu * sizeof(double));
      mj_step(model, data);
    }
    if (i == 0) memcpy(final_qpos, data->qpos, model->nq * sizeof(double));
  }
}

static void *work(void *data) {
  for (;;) {
    pthread_barrier_wait(&begin);
    roll(data);
    pthread_barrier_wait(&end);
  }
  return NULL;
}

static double run_pool(void) {
  double begun = now();
  atomic_store(&next_candidate, 0);
  pthread_barrier_wait(&begin);
  roll(datas[0]);
  pthread_barrier_wait(&end);
  return now() - begun;
}

static mjBatch *batch;

static double run_batch(void) {
  double begun = now();
  int size = mjb_nstate(batch);
  mjtNum *rows = mjb_state(batch);
  for (int i = 0; i < candidates; i++) memcpy(rows + (long)i * size, state, size * sizeof(double));
  if (mjb_rollout(batch, NULL, candidates, steps, controls, mjSTATE_CTRL, NULL, 0) != 0) {
    fprintf(stderr, "a simulation failed: %s\n", mjb_error(batch, 0));
    exit(1);
  }
  return now() - begun;
}

static void read_inputs(void) {
  long count;
  free(state);
  free(controls);
  state = read_doubles("state.f64", &count);
  controls = read_doubles("controls.f64", &count);
  candidates = (int)(count / ((long)steps * model->nu));
}

int main(int argc, char **argv) {
  if (argc != 5) return 1;
  int pooled = strcmp(argv[1], "pool") == 0;
  model = mj_loadModel(argv[2], NULL);
  if (!model) return 1;
  threads = atoi(argv[3]);
  steps = atoi(argv[4]);
  read_inputs();
  final_qpos = malloc(model->nq * sizeof(double));
  double (*run)(void) = pooled ? run_pool : run_batch;
  if (pooled) {
    datas = malloc(threads * sizeof(*datas));
    pthread_barrier_init(&begin, NULL, threads);
    pthread_barrier_init(&end, NULL, threads);
    for (int i = 0; i < threads; i++) datas[i] = mj_makeData(model);
    for (int i = 1; i < threads; i++) {
      pthread_t thread;
      pthread_create(&thread, NULL, work, datas[i]);
    }
  } else {
    mjBatchConfig config;
    char error[1000];
    mjb_defaultConfig(&config);
    config.nthread = threads;
    batch = mjb_makeBatch(model, candidates, &config, error, sizeof(error));
    if (!batch) { fprintf(stderr, "%s\n", error); return 1; }
  }
  run();
  if (!pooled) {
    mjData *data = mj_makeData(model);
    mjb_getData(batch, 0, data);
    memcpy(final_qpos, data->qpos, model->nq * sizeof(double));
  }
  printf("[");
  for (int i = 0; i < model->nq; i++) printf("%s%.17g", i ? ", " : "", final_qpos[i]);
  printf("]\n");
  fflush(stdout);
  char line[256];
  while (fgets(line, sizeof(line), stdin)) {
    read_inputs();
    printf("%.9f\n", run());
    fflush(stdout);
  }
  return 0;
}
