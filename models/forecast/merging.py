"""All members' trees as one XGBoost booster: a sum of trees is an ensemble of trees, so that the blend is stored in
XGBoost's own format, loads without running code, and has exact SHAP values."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from sklearn.ensemble import ExtraTreesRegressor
    from xgboost import Booster

Array = NDArray[np.float64]
NO_PARENT = 2**31 - 1


def merge(forest: ExtraTreesRegressor, forest_weights: Array, boosted: Booster, boosted_weight: float) -> Booster:
    """One booster whose prediction is the forest's answers [outputs] weighted by `forest_weights` [outputs], plus
    `boosted_weight` times the prediction of `boosted`.

    The trees are those of `boosted` with their leaves scaled, then those of the forest; predictions agree with the sum
    to the rounding of float32.
    """
    from xgboost import Booster

    model = json.loads(boosted.save_raw("json"))
    learner, booster = model["learner"], model["learner"]["gradient_booster"]["model"]
    n_features = learner["learner_model_param"]["num_feature"]
    trees = booster["trees"]
    for tree in trees:
        leaf = np.array(tree["left_children"]) == -1
        conditions, weights = np.array(tree["split_conditions"]), np.array(tree["base_weights"])
        tree["split_conditions"] = np.where(leaf, boosted_weight * conditions, conditions).tolist()
        tree["base_weights"] = (boosted_weight * weights).tolist()
    own_start = float(learner["learner_model_param"]["base_score"].strip("[]"))
    learner["learner_model_param"]["base_score"] = f"[{boosted_weight * own_start!r}]"
    scale = np.asarray(forest_weights, dtype=np.float64) / len(forest.estimators_)
    trees += [_as_xgboost(estimator.tree_, scale, n_features) for estimator in forest.estimators_]
    for number, tree in enumerate(trees):
        tree["id"] = number
    booster["gbtree_model_param"]["num_trees"] = str(len(trees))
    booster["tree_info"] = [0] * len(trees)
    booster["iteration_indptr"] = list(range(len(trees) + 1))
    merged = Booster({"nthread": 1})
    merged.load_model(bytearray(json.dumps(model).encode()))
    return merged


def _as_xgboost(tree: Any, scale: Array, n_features: str) -> dict[str, Any]:
    """One tree of scikit-learn as XGBoost's JSON: its leaves answer with `scale` times the outputs, added up."""
    order = _siblings_together(tree)
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    left, right = tree.children_left[order], tree.children_right[order]
    leaf = left == -1
    left, right = np.where(leaf, -1, place[left]), np.where(leaf, -1, place[right])
    parents = np.full(len(order), NO_PARENT)
    inner = np.flatnonzero(~leaf)
    parents[left[inner]], parents[right[inner]] = inner, inner
    values = tree.value[order, :, 0] @ scale
    missing_left = tree.__getstate__()["nodes"]["missing_go_to_left"][order].astype(int)
    return {
        "base_weights": values.tolist(),
        "categories": [],
        "categories_nodes": [],
        "categories_segments": [],
        "categories_sizes": [],
        "default_left": np.where(leaf, 0, missing_left).tolist(),
        "left_children": left.tolist(),
        "right_children": right.tolist(),
        "loss_changes": [0.0] * len(order),
        "parents": parents.tolist(),
        "split_conditions": np.where(leaf, values, below(tree.threshold[order])).tolist(),
        "split_indices": np.where(leaf, 0, tree.feature[order]).tolist(),
        "split_type": [0] * len(order),
        "sum_hessian": tree.weighted_n_node_samples[order].tolist(),
        "tree_param": {
            "num_deleted": "0",
            "num_feature": n_features,
            "num_nodes": str(len(order)),
            "size_leaf_vector": "1",
        },
    }


def _siblings_together(tree: Any) -> NDArray[np.int64]:
    """The nodes of a tree level by level, siblings side by side: XGBoost takes a right child for the node after its
    left one."""
    order = [0]
    for node in order:  # grows as it goes
        if tree.children_left[node] != -1:
            order += [int(tree.children_left[node]), int(tree.children_right[node])]
    return np.array(order, dtype=np.int64)


def below(thresholds: Array) -> Array:
    """The float32 bounds b such that for every float32 x: x < b where x <= threshold. XGBoost sends x left where it is
    less than a float32 condition, scikit-learn where it is at most a float64 threshold."""
    rounded = thresholds.astype(np.float32)
    return np.where(rounded > thresholds, rounded, np.nextafter(rounded, np.float32(np.inf))).astype(np.float64)
