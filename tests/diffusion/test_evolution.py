"""Options of the evolution: proposals ranked by a predictor, generations thinned out by stages."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import scipy.stats
from diffusion_models import Calls, smooth_mixture

from jaxsci import diffusion, solve
from jaxsci.diffusion import EDM, RankPredictor
from jaxsci.diffusion._derived import take
from jaxsci.diffusion._mutation import draw, mutate
from jaxsci.diffusion._screening import budget, screened_losses

EVALS, NOISES = 4, 48


class Counted(eqx.Module):
    """The mean square, and a note of how many noises it was taken over each time it is run."""

    seen: Calls = eqx.field(static=True)

    def __call__(self, ends, targets):
        # the operand makes it a call for each schedule that is run side by side
        jax.debug.callback(lambda _: self.seen.append(len(ends)), ends[0, 0])
        return diffusion.end_point_error(ends, targets)


@pytest.fixture(scope="module")
def problem():
    options = {"num_train": NOISES, "num_valid": 64, "teacher_steps": 48}
    draw_search = diffusion.ScheduleSearch.draw
    search = draw_search(smooth_mixture(), EVALS, EDM(), (2,), jax.random.key(0), **options)
    return search.prepared().without_validation()


@pytest.fixture(scope="module")
def mutants(problem):
    """Three hundred mutants of fixed samplers, and their losses."""
    fixed = diffusion.candidates(problem.span, EVALS)
    first, second = jax.random.split(jax.random.key(1))
    parents = take(fixed, jax.random.randint(first, (300,), 0, fixed.live.shape[0]))
    draws = draw(second, 300, EVALS + 1, problem.span.dtype)
    children = jax.jit(jax.vmap(lambda d, parent: mutate(d, parent, 0.3, 0.1)))(draws, parents)
    return children, losses_of(problem, children)


losses_of = eqx.filter_jit(lambda problem, population: problem.losses(population, 30))


def test_the_predictor_ranks_schedules_that_it_has_not_seen(mutants):
    """Spearman's correlation on a hundred held-out schedules, before and after it has learnt."""
    schedules, losses = mutants
    predictor = RankPredictor(memory=256)
    blank = predictor.blank(jax.random.key(0), schedules)
    learn = eqx.filter_jit(predictor.learn)
    known, held_out = take(schedules, jnp.arange(200)), take(schedules, jnp.arange(200, 300))
    learnt = learn(blank, jax.random.key(1), known, losses[:200])
    agreement = lambda archive: (
        scipy.stats.spearmanr(predictor.score(archive, held_out), losses[200:]).statistic
    )
    assert abs(agreement(blank)) < 0.25
    assert agreement(learnt) > 0.4
    again = learn(learnt, jax.random.key(2), known, losses[:200])  # the oldest are forgotten
    assert int(again.count) == 400
    kept = np.sort(np.concatenate([losses[144:200], losses[:200]]))
    np.testing.assert_array_equal(np.sort(again.losses), kept)


def test_screening_keeps_the_best_on_all_noises(problem, mutants):
    """Whoever is left has its full loss; the others have none."""
    schedules, losses = mutants
    screened = eqx.filter_jit(lambda problem, many: screened_losses(problem, many, 2, 30))
    found = np.asarray(screened(problem, schedules))
    left = np.isfinite(found)
    assert left.sum() == 75
    np.testing.assert_allclose(found[left], losses[left], rtol=1e-9)
    assert np.median(losses[left]) < 0.5 * np.median(losses)
    assert found.min() <= np.quantile(losses, 0.02)
    assert budget(256, 256, 1) == [(256, 256)]
    assert budget(256, 256, 3) == [(256, 16), (64, 64), (16, 256)]
    assert budget(8, 48, 3) == [(8, 3), (2, 12), (1, 48)]


@pytest.mark.parametrize(("proposals", "stages"), [(1, 1), (3, 2)])
def test_the_budget_is_counted_exactly(problem, proposals, stages, key):
    """Each run of a schedule on each noise, told by the objective itself."""
    seen = Calls()
    counted = eqx.tree_at(lambda p: p.objective, problem, Counted(seen))
    predictor = RankPredictor(num_steps=5, memory=32)
    method = diffusion.Evolution(
        2, population=16, pool=6, proposals=proposals, stages=stages, predictor=predictor
    )
    found = solve(counted, method, key=key)
    jax.effects_barrier()
    assert int(found.stats["num_samples"]) == sum(seen) * EVALS
    assert int(found.stats["num_schedules"]) == sum(noises == NOISES for noises in seen)
    assert int(found.value.num_evals) == EVALS
