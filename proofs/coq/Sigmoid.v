(** T01: the logistic sigmoid. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions Tools.
Open Scope R_scope.

Lemma sigmoid_range : forall x, 0 < sigmoid x < 1.
Proof.
  intros x; unfold sigmoid. assert (0 < exp (- x)) by apply exp_pos. split.
  - apply Rdiv_lt_0_compat; lra.
  - apply Rmult_lt_reg_r with (1 + exp (- x)); [lra|].
    unfold Rdiv; rewrite Rmult_assoc, Rinv_l; lra.
Qed.

Lemma sigmoid_derive : forall x, is_derive sigmoid x (sigmoid x * (1 - sigmoid x)).
Proof.
  intros x; unfold sigmoid. assert (0 < exp (- x)) by apply exp_pos.
  auto_derive; [lra|]. field; lra.
Qed.

Lemma Derive_sigmoid : forall x, Derive sigmoid x = sigmoid x * (1 - sigmoid x).
Proof. intros x; apply is_derive_unique, sigmoid_derive. Qed.

Lemma sigmoid_slope : forall x, 0 < Derive sigmoid x <= 1 / 4.
Proof.
  intros x; rewrite Derive_sigmoid. assert (H := sigmoid_range x). split.
  - apply Rmult_lt_0_compat; lra.
  - assert (0 <= (sigmoid x - 1 / 2) ^ 2) by apply pow2_ge_0. nra.
Qed.

Lemma sigmoid_0 : sigmoid 0 = 1 / 2.
Proof. unfold sigmoid; rewrite Ropp_0, exp_0; lra. Qed.

Lemma sigmoid_increasing : forall x y, x < y -> sigmoid x < sigmoid y.
Proof.
  intros x y H; unfold sigmoid. assert (0 < exp (- y)) by apply exp_pos.
  assert (exp (- y) < exp (- x)) by (apply exp_increasing; lra).
  unfold Rdiv; rewrite !Rmult_1_l. apply Rinv_lt_contravar; [apply Rmult_lt_0_compat|]; lra.
Qed.

Lemma sigmoid_half : forall x, sigmoid x = 1 / 2 -> x = 0.
Proof.
  intros x H. destruct (Rtotal_order x 0) as [Hx|[Hx|Hx]]; [|assumption|];
    apply sigmoid_increasing in Hx; rewrite sigmoid_0 in Hx; lra.
Qed.

Lemma sigmoid_slope_max : forall x, Derive sigmoid x = 1 / 4 <-> x = 0.
Proof.
  intros x; rewrite Derive_sigmoid; split; intros H.
  - apply sigmoid_half. assert ((sigmoid x - 1 / 2) ^ 2 = 0) by nra.
    assert (sigmoid x - 1 / 2 = 0) by (apply Rsqr_0_uniq; unfold Rsqr; lra). lra.
  - subst x; rewrite sigmoid_0; lra.
Qed.

Lemma sigmoid_opp : forall x, sigmoid (- x) = 1 - sigmoid x.
Proof.
  intros x; unfold sigmoid. rewrite Ropp_involutive, exp_Ropp.
  assert (0 < exp x) by apply exp_pos. field; split; lra.
Qed.

Lemma sigmoid_slope_even : forall x, Derive sigmoid (- x) = Derive sigmoid x.
Proof. intros x; rewrite !Derive_sigmoid, sigmoid_opp; ring. Qed.

Lemma sigmoid_ex_derive : forall x, ex_derive sigmoid x.
Proof. intros x; eexists; apply sigmoid_derive. Qed.
