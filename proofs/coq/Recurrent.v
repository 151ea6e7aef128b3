(** T09: recurrent networks. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions Tools Sigmoid Tanh Vector.
Open Scope R_scope.

Lemma recurrent_bound : forall phi dphi d W (b : nat -> vector) gamma omega t T h v,
  (t <= T)%nat -> 0 <= gamma -> (forall z, Rabs (dphi z) <= gamma) ->
  0 <= omega -> operator_bound d d W omega ->
  norm2 d (jacobian_vector phi dphi (fun _ => d) (fun _ => W) (fun k => b (t + k)%nat) (T - t) h v)
    <= (gamma * omega) ^ (T - t) * norm2 d v.
Proof.
  intros phi dphi d W b gamma omega t T h v Ht Hg Hd Ho HW.
  eapply Rle_trans.
  - apply (network_bound phi dphi (fun _ => d) (fun _ => W) (fun k => b (t + k)%nat) gamma
             (fun _ => omega)); auto.
  - rewrite prod_const. lra.
Qed.

Lemma recurrent_vanishes : forall phi dphi d W (b : nat -> vector) gamma omega h v,
  0 <= gamma -> (forall z, Rabs (dphi z) <= gamma) ->
  0 <= omega -> operator_bound d d W omega -> gamma * omega < 1 ->
  is_lim_seq (fun n => norm2 d (jacobian_vector phi dphi (fun _ => d) (fun _ => W) b n h v)) 0.
Proof.
  intros phi dphi d W b gamma omega h v Hg Hd Ho HW H1.
  apply geometric_limit with (rho := gamma * omega) (C := norm2 d v).
  - split; [apply Rmult_le_pos; assumption|assumption].
  - intros n. rewrite Rabs_pos_eq by apply norm2_pos.
    eapply Rle_trans.
    + apply (network_bound phi dphi (fun _ => d) (fun _ => W) b gamma (fun _ => omega)); auto.
    + rewrite prod_const. lra.
Qed.

(** ** The eigenvalues do not decide *)

Lemma nilpotent_square : forall v i, times 2 nilpotent (times 2 nilpotent v) i = 0.
Proof. intros v [|i]; unfold times, nilpotent; simpl; ring. Qed.

Lemma nilpotent_eigenvalue : forall lambda v,
  (exists i, (i < 2)%nat /\ v i <> 0) ->
  (forall i, (i < 2)%nat -> times 2 nilpotent v i = lambda * v i) -> lambda = 0.
Proof.
  intros lambda v [i [Hi Hv]] H.
  assert (H0 := H O ltac:(lia)). assert (H1 := H 1%nat ltac:(lia)).
  unfold times, nilpotent in H0, H1; simpl in H0, H1.
  destruct (Req_dec lambda 0) as [|Hl]; [assumption|exfalso].
  assert (Z : lambda * (v O + v 1%nat) = 0) by lra.
  apply Rmult_integral in Z. destruct Z as [Z|Z]; [contradiction|].
  assert (A : lambda * v O = 0) by lra. assert (B : lambda * v 1%nat = 0) by lra.
  apply Rmult_integral in A. apply Rmult_integral in B.
  destruct i as [|[|i]]; [| |lia]; tauto.
Qed.

Lemma tanh_half_ln3 : tanh (ln 3 / 2) = 1 / 2.
Proof.
  unfold tanh. rewrite exp_Ropp.
  assert (P : 0 < exp (ln 3 / 2)) by apply exp_pos.
  assert (S : exp (ln 3 / 2) * exp (ln 3 / 2) = 3).
  { rewrite <- exp_plus. replace (ln 3 / 2 + ln 3 / 2) with (ln 3) by field. apply exp_ln; lra. }
  set (e := exp (ln 3 / 2)) in *. clearbody e.
  replace ((e - / e) / (e + / e)) with ((e * e - 1) / (e * e + 1)) by (field; split; nra).
  rewrite S. lra.
Qed.

Definition runaway n := jacobian_vector tanh (Derive tanh) (fun _ => 2%nat)
  (fun _ => nilpotent) (fun _ => drive) n rest kick.

Lemma rest_affine : forall a, a O = 0 -> a 1%nat = 1 / 2 -> forall k i,
  affine (fun _ => 2%nat) (fun _ => nilpotent) (fun _ => drive) k a i
    = match i with O => 0 | _ => ln 3 / 2 end.
Proof.
  intros a A B k i. unfold affine, times, nilpotent, drive. simpl. rewrite A, B.
  destruct i; field.
Qed.

Lemma rest_stays : forall n i, 
  network tanh (fun _ => 2%nat) (fun _ => nilpotent) (fun _ => drive) n rest i = rest i.
Proof.
  induction n as [|n IH]; intros i; [reflexivity|].
  cbn [network]. rewrite rest_affine by (rewrite IH; reflexivity).
  destruct i; [apply tanh_0|apply tanh_half_ln3].
Qed.

Lemma runaway_step : forall n i, runaway (S n) i
  = match i with O => 8 | _ => -6 end * (runaway n O + runaway n 1%nat).
Proof.
  intros n i. unfold runaway. cbn [jacobian_vector].
  rewrite rest_affine by (rewrite rest_stays; reflexivity).
  rewrite Derive_tanh. unfold times, nilpotent. simpl sum.
  destruct i.
  - rewrite tanh_0. ring.
  - rewrite tanh_half_ln3. field.
Qed.

Lemma runaway_value : forall n i, runaway (S n) i = match i with O => 8 | _ => -6 end * 2 ^ n.
Proof.
  induction n as [|n IH]; intros i; rewrite runaway_step.
  - unfold runaway, kick; simpl. destruct i; ring.
  - rewrite !IH. simpl. destruct i; ring.
Qed.

Lemma runaway_norm : forall n, norm2 2 (runaway (S n)) = 10 * 2 ^ n.
Proof.
  intros n. assert (0 < 2 ^ n) by (apply pow_lt; lra).
  unfold norm2, dot. cbn [sum]. rewrite !runaway_value.
  replace (0 + 8 * 2 ^ n * (8 * 2 ^ n) + -6 * 2 ^ n * (-6 * 2 ^ n))
    with ((10 * 2 ^ n) * (10 * 2 ^ n)) by ring.
  apply sqrt_square. lra.
Qed.
