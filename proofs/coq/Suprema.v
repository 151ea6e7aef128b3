(** T06: the steepest points of silu, gelu and mish. *)
From Coq Require Import Reals Lra Lia.
From Coquelicot Require Import Coquelicot.
From Gradchain Require Import Definitions Tools Sigmoid Tanh.
Open Scope R_scope.

Lemma strict_mean_value : forall (f df : R -> R) x y, x < y ->
  (forall t, x <= t <= y -> is_derive f t (df t)) ->
  exists c, x < c < y /\ f y - f x = df c * (y - x).
Proof.
  intros f df x y H D. destruct (MVT_cor2 f df x y H) as [c [E Hc]].
  - intros t Ht. apply is_derive_Reals, D; assumption.
  - exists c; auto.
Qed.

(** Rising on (low, m), falling after m: the maximum from low on is at m only. *)
Lemma rise_and_fall : forall (f df : R -> R) low m,
  (forall t, is_derive f t (df t)) ->
  (forall t, low < t < m -> 0 < df t) -> (forall t, m < t -> df t < 0) ->
  forall x, low <= x -> x <> m -> f x < f m.
Proof.
  intros f df low m D U F x Hx Hm. destruct (Rtotal_order x m) as [H|[H|H]]; [|contradiction|].
  - destruct (strict_mean_value f df x m H) as [c [Hc E]]; [intros; apply D|].
    assert (0 < df c) by (apply U; lra). nra.
  - destruct (strict_mean_value f df m x H) as [c [Hc E]]; [intros; apply D|].
    assert (df c < 0) by (apply F; lra). nra.
Qed.

(** ** silu *)

Definition silu_slope (x : R) : R := sigmoid x * (1 + x * (1 - sigmoid x)).

Lemma silu_derive : forall x, is_derive silu x (silu_slope x).
Proof.
  intros x. unfold silu, silu_slope.
  replace (sigmoid x * _) with (1 * sigmoid x + x * (sigmoid x * (1 - sigmoid x))) by ring.
  apply (is_derive_mult (fun t => t) sigmoid x 1 (sigmoid x * (1 - sigmoid x))).
  - apply (is_derive_id (K := R_AbsRing)).
  - apply sigmoid_derive.
  - intros; apply Rmult_comm.
Qed.

Lemma Derive_silu : forall x, Derive silu x = silu_slope x.
Proof. intros x; apply is_derive_unique, silu_derive. Qed.

Lemma silu_symmetry : forall x, Derive silu x + Derive silu (- x) = 1.
Proof. intros x; rewrite !Derive_silu; unfold silu_slope; rewrite sigmoid_opp; ring. Qed.

Lemma silu_bend : forall x,
  is_derive silu_slope x (sigmoid x * (1 - sigmoid x) * (2 - x * (2 * sigmoid x - 1))).
Proof.
  intros x. unfold silu_slope. auto_derive.
  - repeat split; try apply sigmoid_ex_derive.
  - rewrite Derive_sigmoid; ring.
Qed.

Lemma tanh_half : forall x, tanh (x / 2) = 2 * sigmoid x - 1.
Proof. intros x; rewrite tanh_sigmoid. do 3 f_equal. field. Qed.

Lemma balance_increasing : forall x y, 0 < x -> x < y -> x * tanh (x / 2) < y * tanh (y / 2).
Proof.
  intros x y Hx H. rewrite !tanh_half.
  assert (sigmoid x < sigmoid y) by (apply sigmoid_increasing; assumption).
  assert (1 / 2 < sigmoid x) by (rewrite <- sigmoid_0; apply sigmoid_increasing; assumption).
  nra.
Qed.

Lemma balance_below : forall x x0 c, 0 < x -> 0 < x0 -> x0 * tanh (x0 / 2) = c ->
  x * tanh (x / 2) < c -> x < x0.
Proof.
  intros x x0 c Hx H0 E H. destruct (Rtotal_order x x0) as [K|[K|K]]; [assumption| |].
  - subst x; lra.
  - apply balance_increasing in K; [|assumption]. lra.
Qed.

Lemma balance_above : forall x x0 c, 0 < x -> 0 < x0 -> x0 * tanh (x0 / 2) = c ->
  c < x * tanh (x / 2) -> x0 < x.
Proof.
  intros x x0 c Hx H0 E H. destruct (Rtotal_order x x0) as [K|[K|K]]; [| |assumption].
  - apply balance_increasing in K; [|assumption]. lra.
  - subst x; lra.
Qed.

Lemma balance_exists : exists x0, 0 < x0 /\ x0 * tanh (x0 / 2) = 2.
Proof.
  destruct (IVT_gen (fun x => x * tanh (x / 2)) 2 4 2) as [x0 [Hx E]].
  - intros x. apply continuity_pt_filterlim.
    apply (ex_derive_continuous (fun x => x * tanh (x / 2)) x).
    auto_derive. eexists; apply tanh_derive.
  - split.
    + eapply Rle_trans; [apply Rmin_l|].
      assert (H := tanh_range (2 / 2)). lra.
    + eapply Rle_trans; [|apply Rmax_r]. rewrite tanh_half.
      enough (3 / 4 <= sigmoid 4) by lra. unfold sigmoid.
      assert (1 + 4 <= exp 4) by apply exp_ineq1_le.
      assert (0 < / exp 4) by (apply Rinv_0_lt_compat; lra).
      assert (/ exp 4 <= / 4) by (apply Rinv_le_contravar; lra).
      rewrite exp_Ropp. set (r := / exp 4) in *. clearbody r.
      apply Rmult_le_reg_r with (1 + r); [lra|].
      replace (1 / (1 + r) * (1 + r)) with 1 by (field; lra). lra.
  - exists x0; split; [|assumption]. rewrite Rmin_left in Hx; lra.
Qed.

Lemma balance_unique : exists! x0, 0 < x0 /\ x0 * tanh (x0 / 2) = 2.
Proof.
  destruct balance_exists as [x0 [Hx E]]. exists x0; split; [auto|].
  intros y [Hy Ey]. destruct (Rtotal_order x0 y) as [K|[K|K]]; [|assumption|];
    apply balance_increasing in K; lra.
Qed.

Lemma silu_at_balance : forall x0, 0 < x0 -> x0 * tanh (x0 / 2) = 2 ->
  Derive silu x0 = 1 / 2 + x0 / 4.
Proof.
  intros x0 Hx E. rewrite tanh_half in E. rewrite Derive_silu; unfold silu_slope.
  assert (S : sigmoid x0 = 1 / 2 + 1 / x0).
  { apply Rmult_eq_reg_l with (2 * x0); [|lra].
    replace (2 * x0 * (1 / 2 + 1 / x0)) with (x0 + 2) by (field; lra). lra. }
  rewrite S. field; lra.
Qed.

Lemma silu_sup : forall x0, 0 < x0 -> x0 * tanh (x0 / 2) = 2 ->
  forall x, x <> x0 -> Rabs (Derive silu x) < 1 / 2 + x0 / 4.
Proof.
  intros x0 H0 E.
  assert (U : forall x, x <> x0 -> Derive silu x < 1 / 2 + x0 / 4).
  { intros x Hx. destruct (Rle_or_lt x 0) as [Hn|Hp].
    - rewrite Derive_silu; unfold silu_slope. assert (S := sigmoid_range x).
      assert (sigmoid x <= 1 / 2).
      { rewrite <- sigmoid_0.
        destruct Hn as [Hn| ->]; [left; apply sigmoid_increasing; assumption|lra]. }
      assert (0 < sigmoid x * (1 - sigmoid x)) by (apply Rmult_lt_0_compat; lra).
      assert (x * (sigmoid x * (1 - sigmoid x)) <= 0) by nra.
      lra.
    - rewrite <- (silu_at_balance x0 H0 E), !Derive_silu.
      apply rise_and_fall
        with (df := fun x => sigmoid x * (1 - sigmoid x) * (2 - x * (2 * sigmoid x - 1)))
             (low := 0); try assumption; try lra.
      + apply silu_bend.
      + intros t Ht. assert (S := sigmoid_range t).
        assert (B := balance_increasing t x0 ltac:(lra) ltac:(lra)).
        rewrite E, tanh_half in B.
        assert (0 < sigmoid t * (1 - sigmoid t)) by (apply Rmult_lt_0_compat; lra).
        apply Rmult_lt_0_compat; lra.
      + intros t Ht. assert (S := sigmoid_range t).
        assert (B := balance_increasing x0 t H0 Ht). rewrite E, tanh_half in B.
        assert (0 < sigmoid t * (1 - sigmoid t)) by (apply Rmult_lt_0_compat; lra). nra. }
  intros x Hx. apply Rabs_def1; [apply U; assumption|].
  assert (S := silu_symmetry x).
  destruct (Req_dec (- x) x0) as [K|K].
  - rewrite K, (silu_at_balance x0 H0 E) in S. lra.
  - assert (H := U (- x) K). lra.
Qed.

Lemma swish_slope : forall beta x, Derive (fun t => t * sigmoid (beta * t)) x = Derive silu (beta * x).
Proof.
  intros beta x. rewrite Derive_silu; unfold silu_slope. apply is_derive_unique.
  auto_derive.
  - apply sigmoid_ex_derive.
  - rewrite Derive_sigmoid; ring.
Qed.

(** ** gelu *)

Lemma two_pi_pos : 0 < sqrt (2 * PI).
Proof. apply sqrt_lt_R0. assert (H := PI_RGT_0). lra. Qed.

Lemma density_pos : forall x, 0 < normal_density x.
Proof. intros x; apply Rdiv_lt_0_compat; [apply exp_pos|apply two_pi_pos]. Qed.

Lemma density_derive : forall x, is_derive normal_density x (- x * normal_density x).
Proof.
  intros x; unfold normal_density. assert (P := two_pi_pos).
  auto_derive; [lra|]. unfold Rdiv; field; lra.
Qed.

Lemma density_continuous : forall x, continuous normal_density x.
Proof.
  intros x; apply (ex_derive_continuous normal_density x). eexists; apply density_derive.
Qed.

Lemma density_integrable : forall a b, ex_RInt normal_density a b.
Proof.
  intros a b; apply (ex_RInt_continuous (V := R_CompleteNormedModule)).
  intros; apply density_continuous.
Qed.

Lemma cdf_derive : forall x, is_derive normal_cdf x (normal_density x).
Proof.
  intros x; unfold normal_cdf.
  assert (D : is_derive (fun t => RInt normal_density 0 t) x (normal_density x)).
  { apply (is_derive_RInt normal_density (fun t => RInt normal_density 0 t) 0 x).
    - apply filter_forall; intros t. apply (RInt_correct (V := R_CompleteNormedModule)), density_integrable.
    - apply density_continuous. }
  replace (normal_density x) with (plus 0 (normal_density x))
    by (unfold plus; simpl; ring).
  apply (is_derive_plus (fun _ => 1 / 2) (fun t => RInt normal_density 0 t)); [|exact D].
  apply (is_derive_const (1 / 2)).
Qed.

Lemma Derive_cdf : forall x, Derive normal_cdf x = normal_density x.
Proof. intros x; apply is_derive_unique, cdf_derive. Qed.

Lemma Derive_density : forall x, Derive normal_density x = - x * normal_density x.
Proof. intros x; apply is_derive_unique, density_derive. Qed.

Lemma density_even : forall x, normal_density (- x) = normal_density x.
Proof. intros x; unfold normal_density. do 4 f_equal. ring. Qed.

Lemma cdf_symmetry : forall x, normal_cdf (- x) = 1 - normal_cdf x.
Proof.
  intros x. 
  assert (Z : forall t, normal_cdf t + normal_cdf (- t) = normal_cdf 0 + normal_cdf (- 0)).
  { intros t.
    destruct (mean_value (fun t => normal_cdf t + normal_cdf (- t)) (fun _ => 0) 0 t)
      as [c [_ H]]; [|lra].
    intros s _. auto_derive.
    - repeat split; eexists; apply cdf_derive.
    - rewrite !Derive_cdf, density_even. ring. }
  assert (H := Z x). rewrite Ropp_0 in H.
  assert (C : normal_cdf 0 = 1 / 2).
  { unfold normal_cdf. rewrite RInt_point. unfold zero; simpl; ring. }
  lra.
Qed.

Definition gelu_slope (x : R) : R := normal_cdf x + x * normal_density x.

Lemma gelu_derive : forall x, is_derive gelu x (gelu_slope x).
Proof.
  intros x; unfold gelu, gelu_slope. auto_derive.
  - eexists; apply cdf_derive.
  - rewrite Derive_cdf; ring.
Qed.

Lemma Derive_gelu : forall x, Derive gelu x = normal_cdf x + x * normal_density x.
Proof. intros x; apply is_derive_unique, gelu_derive. Qed.

Lemma gelu_symmetry : forall x, Derive gelu x + Derive gelu (- x) = 1.
Proof. intros x; rewrite !Derive_gelu, cdf_symmetry, density_even; ring. Qed.

Lemma gelu_bend : forall x, is_derive gelu_slope x (normal_density x * (2 - x ^ 2)).
Proof.
  intros x; unfold gelu_slope. auto_derive.
  - repeat split; eexists; [apply cdf_derive|apply density_derive].
  - rewrite Derive_cdf, Derive_density.
    ring.
Qed.

Lemma cdf_increasing : forall x y, x < y -> normal_cdf x < normal_cdf y.
Proof.
  intros x y H. destruct (strict_mean_value normal_cdf normal_density x y H) as [c [_ E]].
  - intros; apply cdf_derive.
  - assert (P := density_pos c). nra.
Qed.

Lemma cdf_0 : normal_cdf 0 = 1 / 2.
Proof. assert (H := cdf_symmetry 0). rewrite Ropp_0 in H. lra. Qed.

Lemma gelu_sup : forall x, x <> sqrt 2 -> Rabs (Derive gelu x) < Derive gelu (sqrt 2).
Proof.
  assert (S0 : 0 < sqrt 2) by (apply sqrt_lt_R0; lra).
  assert (S2 : sqrt 2 * sqrt 2 = 2) by (apply sqrt_sqrt; lra).
  assert (M : 1 / 2 < Derive gelu (sqrt 2)).
  { rewrite Derive_gelu. assert (C := cdf_increasing 0 (sqrt 2) S0). rewrite cdf_0 in C.
    assert (P := density_pos (sqrt 2)). nra. }
  assert (U : forall x, x <> sqrt 2 -> Derive gelu x < Derive gelu (sqrt 2)).
  { intros x Hx. destruct (Rle_or_lt x 0) as [Hn|Hp].
    - apply Rle_lt_trans with (1 / 2); [|exact M]. rewrite Derive_gelu.
      assert (P := density_pos x).
      assert (normal_cdf x <= 1 / 2).
      { rewrite <- cdf_0. destruct Hn as [Hn| ->]; [left; apply cdf_increasing; auto|lra]. }
      nra.
    - rewrite !(is_derive_unique _ _ _ (gelu_derive _)).
      apply rise_and_fall with (df := fun x => normal_density x * (2 - x ^ 2)) (low := 0);
        try assumption; try lra.
      + apply gelu_bend.
      + intros t Ht. apply Rmult_lt_0_compat; [apply density_pos|]. simpl; nra.
      + intros t Ht. assert (P := density_pos t).
        assert (2 - t ^ 2 < 0) by (simpl; nra).
        rewrite <- (Rmult_0_r (normal_density t)). apply Rmult_lt_compat_l; lra. }
  intros x Hx. apply Rabs_def1; [apply U; assumption|].
  assert (S := gelu_symmetry x).
  destruct (Req_dec (- x) (sqrt 2)) as [K|K].
  - rewrite K in S. lra.
  - assert (H := U (- x) K). lra.
Qed.

(** ** mish

    With u = exp x: tanh (softplus x) = (u^2 + 2u) / (u^2 + 2u + 2). *)

Definition mish_slope (x : R) : R :=
  (exp x * exp x + 2 * exp x) / (exp x * exp x + 2 * exp x + 2)
  + x * (4 * exp x * (1 + exp x)) / (exp x * exp x + 2 * exp x + 2) ^ 2.

Lemma tanh_softplus : forall x, tanh (softplus x)
  = (exp x * exp x + 2 * exp x) / (exp x * exp x + 2 * exp x + 2).
Proof.
  intros x. unfold tanh, softplus. assert (0 < exp x) by apply exp_pos.
  rewrite exp_Ropp, exp_ln by lra. field. nra.
Qed.

Lemma mish_derive : forall x, is_derive mish x (mish_slope x).
Proof.
  intros x.
  apply is_derive_ext with (f := fun x =>
    x * ((exp x * exp x + 2 * exp x) / (exp x * exp x + 2 * exp x + 2))).
  - intros t; unfold mish; rewrite tanh_softplus; reflexivity.
  - unfold mish_slope. assert (0 < exp x) by apply exp_pos.
    auto_derive; [nra|]. field. nra.
Qed.

Lemma Derive_mish : forall x, Derive mish x = mish_slope x.
Proof. intros x; apply is_derive_unique, mish_derive. Qed.
