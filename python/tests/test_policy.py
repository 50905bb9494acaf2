"""Policies: shapes, draws, and arrays that do not fit."""

import numpy as np
import pytest

import imle_planner as ip


@pytest.fixture(scope="module")
def policy():
    return ip.Policy.load("cylinder_push")


def observation(policy):
    return np.linspace(-0.1, 0.1, policy.observation_size, dtype=np.float32)


def test_shapes(policy):
    one, (seen, steps, _) = observation(policy), policy.horizons
    history = np.repeat(one[None], seen, 0)
    assert policy.sample(one, n=3).shape == (3, steps, policy.action_size)
    np.testing.assert_array_equal(policy.sample(one, n=3), policy.sample(history, n=3))
    batch = policy.sample(np.stack([history, history]), n=3, episode=[0, 4])
    assert batch.shape == (2, 3, steps, policy.action_size) and batch.dtype == np.float32
    np.testing.assert_array_equal(batch[0], policy.sample(one, n=3))
    np.testing.assert_array_equal(batch[1], policy.sample(one, n=3, episode=4))


def test_the_key_chooses_the_draws(policy):
    one = observation(policy)
    first = policy.sample(one)
    np.testing.assert_array_equal(first, policy.sample(one))
    for other in ({"seed": 1}, {"episode": 1}, {"step": 1}):
        assert not np.array_equal(first, policy.sample(one, **other))
    latents = np.zeros((4, policy.latent_size), np.float32)
    given = policy.sample(one, n=4, latents=latents)
    np.testing.assert_array_equal(given[0], given[3])
    cool = policy.with_sampling(temperature=0.0).sample(one, n=4)
    np.testing.assert_allclose(cool, given, atol=1e-6)


def test_any_layout_is_read(policy):
    one = observation(policy)
    wanted = policy.sample(one, n=2)
    strided = np.repeat(one, 2)[::2]
    frozen = one.copy()
    frozen.flags.writeable = False
    fortran = np.asfortranarray(np.repeat(one[None], policy.horizons.observation, 0))
    for other in (strided, frozen, fortran, one.astype(np.float64), list(map(float, one))):
        np.testing.assert_array_equal(wanted, policy.sample(other, n=2))


@pytest.mark.parametrize(
    ("change", "error", "line"),
    [
        (lambda o: o[1:], ValueError, "observation: expected (8,)"),
        (lambda o: np.stack([o] * 7), ValueError, "observation: expected"),
        (lambda o: np.zeros((0, 2, len(o))), ValueError, "observation: expected"),
        (lambda o: o * np.nan, ValueError, "observation[0]: expected a finite number, found NaN"),
        (lambda o: o.astype(complex), TypeError, "dtype complex128"),
        (lambda o: np.array(["x"] * len(o)), TypeError, "expected an array of numbers"),
        (lambda o: [[1.0], [1.0, 2.0]], TypeError, "expected an array of numbers"),
        (lambda o: None, TypeError, "dtype object"),
    ],
)
def test_what_does_not_fit_is_refused(policy, change, error, line):
    with pytest.raises(error) as raised:
        policy.sample(change(observation(policy)))
    assert line in str(raised.value) and "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("arguments", "error", "line"),
    [
        ({"n": 0}, ValueError, "n: expected 1 to 65536, found 0"),
        ({"n": 10**12}, ValueError, "n: expected 1 to"),
        ({"n": 2.5}, TypeError, "n: expected a whole number, found float"),
        ({"seed": -1}, ValueError, "seed: expected 0 to"),
        ({"episode": [0, 1]}, ValueError, "episode: expected one number, or 1, found 2"),
        ({"latents": np.zeros((3, 1))}, ValueError, "latents"),
    ],
)
def test_numbers_that_do_not_fit_are_refused(policy, arguments, error, line):
    with pytest.raises(error) as raised:
        policy.sample(observation(policy), **arguments)
    assert line in str(raised.value)


def test_loading(policy, tmp_path):
    with pytest.raises(ValueError, match="did you mean `stack`"):
        ip.Policy.load("stak")
    with pytest.raises(ValueError, match="unknown device `gpu`"):
        ip.Policy.load("stack", device="gpu")
    with pytest.raises(ValueError):
        ip.Policy.load(tmp_path)
    policy.save(tmp_path / "copy")
    one = observation(policy)
    np.testing.assert_array_equal(ip.Policy.load(tmp_path / "copy").sample(one), policy.sample(one))
    with pytest.raises(ValueError, match="unknown setting `temprature`; did you mean `temperature`"):
        policy.with_sampling(temprature=1.0)
